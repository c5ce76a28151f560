package kafka_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// secured starts an Apache Kafka with one topic that the user may use, and returns what the user connects with.
func secured(t *testing.T) (broker *kafkatest.Secured, secret *kafkatest.Mount, cfg kafka.Config) {
	t.Helper()
	kafkatest.NeedsApache(t)
	broker = kafkatest.StartSecured(t, kafkatest.SecuredOptions{Plain: map[string]string{"user": "first"}})
	broker.SetPassword(t, "user", "first")
	broker.CreateTopics(t, 1, "mine", "hidden")
	broker.Grant(t, kafkatest.ACL{User: "user", Resource: "topic", Name: "mine", Operation: "Write"})
	own := broker.Authority.Issue(t, "user")
	secret = kafkatest.NewMount(t, map[string]string{
		"username": "user\n", "password": "first\n", "ca.crt": broker.Authority.PEM, "tls.crt": own.Cert, "tls.key": own.Key,
	})
	return broker, secret, kafka.Config{
		Brokers: []string{broker.SASL()}, CAFile: secret.File("ca.crt"),
		SASL: "SCRAM-SHA-512", UsernameFile: secret.File("username"), PasswordFile: secret.File("password"),
	}
}

func TestApacheKafkaIsReachedInEveryWayThatCanBeConfigured(t *testing.T) {
	broker, secret, base := secured(t)
	for name, change := range map[string]func(*kafka.Config){
		"SCRAM-SHA-512": func(*kafka.Config) {},
		"SCRAM-SHA-256": func(c *kafka.Config) { c.SASL = "SCRAM-SHA-256" },
		"PLAIN":         func(c *kafka.Config) { c.SASL = "PLAIN" },
		"a client certificate": func(c *kafka.Config) {
			*c = kafka.Config{Brokers: []string{broker.MTLS()}, CAFile: c.CAFile, CertFile: secret.File("tls.crt"), KeyFile: secret.File("tls.key")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := base
			change(&cfg)
			seen, err := kafka.Look(t.Context(), cfg, "mine", "hidden", "none")
			if err != nil || !seen["mine"].Exists || !seen["hidden"].Hidden || seen["hidden"].Exists {
				t.Fatalf("saw %+v, %v; want mine, and hidden as such", seen, err)
			}
			client, err := kafka.Connect(cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			producer := kafka.NewProducer(client)
			message := wire.Message{Topic: "mine", Partition: -1, Key: []byte("k"), Value: []byte(name)}
			if err := producer.Send(t.Context(), []wire.Message{message}); err != nil {
				t.Error(err)
			}
			if err := producer.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatIsWrongWithTheConnectionToApacheKafkaIsNamed(t *testing.T) {
	broker, secret, base := secured(t)
	wrong := kafkatest.NewMount(t, map[string]string{"password": "wrong", "empty": "", "ca.crt": kafkatest.NewAuthority(t).PEM})
	stranger := kafkatest.NewAuthority(t).Issue(t, "user")
	foreign := kafkatest.NewMount(t, map[string]string{"tls.crt": stranger.Cert, "tls.key": stranger.Key})
	for name, test := range map[string]struct {
		change func(*kafka.Config)
		want   string
	}{
		"a wrong password":                {func(c *kafka.Config) { c.PasswordFile = wrong.File("password") }, "the broker refuses user name or password"},
		"a wrong password, in the clear":  {func(c *kafka.Config) { c.SASL, c.PasswordFile = "PLAIN", wrong.File("password") }, "the broker refuses user name or password"},
		"an empty password":               {func(c *kafka.Config) { c.PasswordFile = wrong.File("empty") }, "empty is empty"},
		"no file with a password":         {func(c *kafka.Config) { c.PasswordFile = wrong.File("none") }, "cannot read "},
		"an authority that did not sign":  {func(c *kafka.Config) { c.CAFile = wrong.File("ca.crt") }, "the broker's certificate is not trusted (--kafka-ca-file)"},
		"no authority at all":             {func(c *kafka.Config) { c.CAFile, c.TLS = "", true }, "the broker's certificate is not trusted (--kafka-ca-file)"},
		"a file that holds no authority":  {func(c *kafka.Config) { c.CAFile = secret.File("password") }, "holds no certificate"},
		"no user where one is asked for":  {func(c *kafka.Config) { c.SASL = "" }, "the broker closes the connection: it may want TLS or SASL"},
		"no TLS where it is asked for":    {func(c *kafka.Config) { c.CAFile = "" }, "the broker closes the connection: it may want TLS"},
		"TLS where there is none":         {func(c *kafka.Config) { c.Brokers = []string{broker.Addr()} }, "the broker does not speak TLS at this port"},
		"no certificate where one is due": {func(c *kafka.Config) { c.SASL, c.Brokers = "", []string{broker.MTLS()} }, "or its client certificate (--kafka-cert-file)"},
		"a certificate of somebody else's": {func(c *kafka.Config) {
			c.SASL, c.Brokers, c.CertFile, c.KeyFile = "", []string{broker.MTLS()}, foreign.File("tls.crt"), foreign.File("tls.key")
		}, "or its client certificate (--kafka-cert-file)"},
		"a certificate with another's key": {func(c *kafka.Config) {
			c.SASL, c.Brokers, c.CertFile, c.KeyFile = "", []string{broker.MTLS()}, secret.File("tls.crt"), foreign.File("tls.key")
		}, "client certificate "},
		"nobody there": {func(c *kafka.Config) { c.Brokers = []string{"127.0.0.1:1"} }, "the broker does not answer: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := base
			cfg.DialTimeout = 2 * time.Second
			test.change(&cfg)
			for range 3 { // the same words each time
				_, err := kafka.Look(t.Context(), cfg, "mine")
				if err == nil {
					t.Fatal("it worked")
				}
				if got := kafka.Reason(err); !strings.Contains(got, test.want) {
					t.Fatalf("got %q, want %q; error %v", got, test.want, err)
				}
			}
		})
	}
	if _, err := kafka.Look(t.Context(), base, "mine"); err != nil {
		t.Errorf("what is right is refused: %v", err)
	}
}

func TestAClientOfApacheKafkaTakesUpWhatIsRotatedWithoutARestart(t *testing.T) {
	broker, secret, cfg := secured(t)
	client, err := kafka.Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	works := func(when string) {
		t.Helper()
		client.Close() // every connection anew
		kafkatest.Eventually(t, "a connection "+when, func() bool {
			seen, err := client.Topics(t.Context(), "mine")
			return err == nil && seen["mine"].Exists
		})
	}
	works("at first")
	broker.SetPassword(t, "user", "second")
	kafkatest.Eventually(t, "the old password to be refused", func() bool { // brokers learn of it a little later
		_, err := kafka.Look(t.Context(), cfg, "mine")
		return errors.Is(err, kafka.ErrRefused)
	})
	secret.Set(t, map[string]string{"password": "second"})
	works("with the new password")

	next := kafkatest.NewAuthority(t)
	secret.Set(t, map[string]string{"ca.crt": broker.Authority.PEM + next.PEM})
	broker.Replace(t, next)
	works("with the new authority beside the old one")
	secret.Set(t, map[string]string{"ca.crt": next.PEM})
	works("with the new authority alone")
}

func TestASessionThatApacheKafkaEndsIsNoBreakInReading(t *testing.T) {
	kafkatest.NeedsApache(t)
	const session = time.Second
	broker := kafkatest.StartSecured(t, kafkatest.SecuredOptions{Reauthenticate: session})
	broker.SetPassword(t, "user", "secret")
	broker.CreateTopics(t, 2, "replies")
	broker.Grant(t, kafkatest.ACL{User: "user", Resource: "topic", Name: "replies", Operation: "Read"},
		kafkatest.ACL{User: "user", Resource: "group", Name: "group", Operation: "Read"})
	secret := kafkatest.NewMount(t, map[string]string{"username": "user", "password": "secret", "ca.crt": broker.Authority.PEM})
	client, err := kafka.Connect(kafka.Config{
		Brokers: []string{broker.SASL()}, CAFile: secret.File("ca.crt"), MetadataTTL: time.Second,
		SASL: "SCRAM-SHA-512", UsernameFile: secret.File("username"), PasswordFile: secret.File("password"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	r := read(t, client, "replies", "group")
	r.awaitHeard(t)
	since, _ := r.ReadableSince()
	for i := range 6 {
		until := time.Now().Add(session)
		broker.Produce(t, wire.Message{Topic: "replies", Partition: int32(i % 2), Value: []byte("v")})
		r.awaitValues(t, i+1)
		kafkatest.Eventually(t, "the session to end", func() bool { return time.Now().After(until) })
	}
	if now, ok := r.ReadableSince(); !ok || !now.Equal(since) {
		t.Errorf("readable since %s, %t; want still since %s", now, ok, since)
	}
	if changes := r.history(); len(changes) != 1 {
		t.Errorf("changes of readability: %t; want the first alone", changes)
	}
}
