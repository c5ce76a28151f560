package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// least is what every manager must be told.
var least = []string{"--kafka-brokers", "kafka:9092", "--insecure-reply-token-key", "--allow-all-topics"}

func with(args ...string) []string { return append(append([]string{}, least...), args...) }

func TestWhatIsNotSaidHasItsDefault(t *testing.T) {
	c, err := Parse(least, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Installation != "default" || !c.LeaderElect || c.Concurrency != 16 || c.QPS != -1 || c.ShutdownTimeout != 10*time.Second ||
		c.LeaseDuration != 12*time.Second || c.RenewDeadline != 8*time.Second || c.RetryPeriod != time.Second || !c.OrderWorkflows ||
		c.MetricsAddress != ":8080" || c.ProbeAddress != ":8081" || c.PprofAddress != "0" || len(c.Namespaces) != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestTheEnvironmentStandsForFlags(t *testing.T) {
	for name, test := range map[string]struct {
		args, environ []string
		check         func(Config) bool
	}{
		"a list": {environ: []string{"SAGA_KAFKA_BROKERS=a:1,b:2"}, check: func(c Config) bool {
			return reflect.DeepEqual(c.Kafka.Brokers, []string{"a:1", "b:2"})
		}},
		"a duration": {environ: []string{"SAGA_KAFKA_BROKERS=a:1", "SAGA_SHUTDOWN_TIMEOUT=20s"}, check: func(c Config) bool {
			return c.ShutdownTimeout == 20*time.Second
		}},
		"a switch that is on by default": {environ: []string{"SAGA_KAFKA_BROKERS=a:1", "SAGA_LEADER_ELECT=false"}, check: func(c Config) bool {
			return !c.LeaderElect
		}},
		"a flag wins over the environment": {args: []string{"--concurrency=3"}, environ: []string{"SAGA_KAFKA_BROKERS=a:1", "SAGA_CONCURRENCY=4"}, check: func(c Config) bool {
			return c.Concurrency == 3
		}},
		"what Kubernetes sets for a service is no flag": {environ: []string{"SAGA_KAFKA_BROKERS=a:1", "SAGA_OPERATOR_SERVICE_HOST=10.0.0.1", "SAGA_PORT=tcp://10.0.0.1"}, check: func(c Config) bool {
			return c.Installation == "default"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse(append(test.args, "--insecure-reply-token-key", "--allow-all-topics"), test.environ)
			if err != nil || !test.check(c) {
				t.Errorf("error %v, got %+v", err, c)
			}
		})
	}
}

func TestABadValueNamesItsFlagAndBound(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"an installation with a slash":       {with("--installation", "a/b"), `--installation: must be a DNS label (lower case letters, digits and dashes) of 1 to 40 characters, is "a/b"`},
		"an installation in capitals":        {with("--installation", "Shop"), "--installation: must be a DNS label"},
		"an installation that is too long":   {with("--installation", strings.Repeat("a", 41)), "--installation: must be a DNS label"},
		"no installation":                    {with("--installation", ""), "--installation: must be a DNS label"},
		"no brokers":                         {[]string{"--insecure-reply-token-key"}, "--kafka-brokers: at least one host:port is required"},
		"a broker without port":              {with("--kafka-brokers", "kafka"), `--kafka-brokers: must be host:port with a port from 1 to 65535, is "kafka"`},
		"a broker with port 0":               {with("--kafka-brokers", "kafka:0"), "--kafka-brokers: must be host:port"},
		"a broker with a port too high":      {with("--kafka-brokers", "kafka:65536"), "--kafka-brokers: must be host:port"},
		"a certificate without key":          {with("--kafka-cert-file", "c"), "--kafka-cert-file: needs --kafka-key-file"},
		"an unknown SASL mechanism":          {with("--kafka-sasl-mechanism", "GSSAPI"), `--kafka-sasl-mechanism: must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, is "GSSAPI"`},
		"SASL without password":              {with("--kafka-sasl-mechanism", "PLAIN", "--kafka-sasl-username-file", "u"), "--kafka-sasl-mechanism: needs --kafka-sasl-username-file and"},
		"a password without SASL":            {with("--kafka-sasl-password-file", "p"), "--kafka-sasl-mechanism: is needed with"},
		"no key of reply tokens":             {[]string{"--kafka-brokers", "a:1"}, "--reply-token-key-file: is required"},
		"a key beside the insecure one":      {with("--reply-token-key-file", "k"), "--insecure-reply-token-key: cannot be used together with key files"},
		"a namespace that cannot be":         {with("--namespaces", "a,B"), `--namespaces: "B" cannot be the name of a namespace`},
		"no word about topics":               {[]string{"--kafka-brokers", "a:1", "--insecure-reply-token-key"}, "--topic-policy-file: is required where all namespaces are watched, since otherwise whoever may make a participant could have messages sent to any topic; if that is meant, say --allow-all-topics"},
		"two words about topics":             {with("--topic-policy-file", "f"), "--allow-all-topics: cannot be used together with --topic-policy-file"},
		"a lease namespace that cannot be":   {with("--leader-election-namespace", "_"), `--leader-election-namespace: "_" cannot be`},
		"a lease that is too short":          {with("--leader-election-lease-duration", "1ms"), "--leader-election-lease-duration: must be from 1s to 5m0s, is 1ms"},
		"a lease shorter than its renewing":  {with("--leader-election-lease-duration", "7s"), "must be longer than --leader-election-renew-deadline: 7s is not longer than 8s"},
		"a renewing shorter than its retry":  {with("--leader-election-retry-period", "9s"), "must be longer than 1.2 × --leader-election-retry-period"},
		"an address that is none":            {with("--metrics-bind-address", "8080"), `--metrics-bind-address: must be host:port, :port, or 0 for none, is "8080"`},
		"no work at all":                     {with("--concurrency", "0"), "--concurrency: must be from 1 to 256, is 0"},
		"too much work":                      {with("--concurrency", "257"), "--concurrency: must be from 1 to 256, is 257"},
		"a word for a number":                {with("--concurrency", "many"), `invalid argument "many" for "--concurrency"`},
		"half a request per second":          {with("--kube-api-qps", "0.5"), "--kube-api-qps: must be -1 or from 1 to 10000, is 0.5"},
		"a negative burst":                   {with("--kube-api-burst", "-1"), "--kube-api-burst: must be from 0 to 20000, is -1"},
		"a shutdown without time":            {with("--shutdown-timeout", "0s"), "--shutdown-timeout: must be from 1s to 10m0s, is 0s"},
		"an unknown log level":               {with("--log-level", "loud"), `--log-level: must be debug, info or error, is "loud"`},
		"an unknown log format":              {with("--log-format", "xml"), `--log-format: must be json or text, is "xml"`},
		"a flag that does not exist":         {with("--kafka"), "unknown flag: --kafka"},
		"a word that is no flag":             {with("serve"), `"serve" is no flag`},
		"several at once are all told":       {with("--concurrency=0", "--log-level=loud"), "--log-level"},
		"several at once, the first as well": {with("--concurrency=0", "--log-level=loud"), "--concurrency"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(test.args, nil); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %q", err, test.want)
			}
		})
	}
}

func TestABadValueInTheEnvironmentNamesItsVariable(t *testing.T) {
	_, err := Parse(least, []string{"SAGA_CONCURRENCY=many"})
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "SAGA_CONCURRENCY") {
		t.Errorf("error %v; want one that names SAGA_CONCURRENCY", err)
	}
}

func TestHelpAndVersionAskForNothingElse(t *testing.T) {
	if _, err := Parse([]string{"--help"}, nil); !errors.Is(err, ErrHelp) {
		t.Errorf("--help: error %v", err)
	}
	if c, err := Parse([]string{"--version"}, nil); err != nil || !c.Version {
		t.Errorf("--version: %+v, error %v", c, err)
	}
}

var update = flag.Bool("update", false, "write the table of flags into docs/configuration.md")

func TestTheDocumentationShowsTheFlagsAsTheyAre(t *testing.T) {
	const begin, end = "<!-- flags: go test ./internal/config -update -->\n", "<!-- end of flags -->"
	path := filepath.Join("..", "..", "docs", "configuration.md")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	shown, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table of flags", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+Table()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != Table() {
		t.Errorf("%s shows other flags than there are: run go test ./internal/config -update", path)
	}
}
