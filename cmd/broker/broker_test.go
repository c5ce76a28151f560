package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sagas-dev/saga-operator/internal/version"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// running is a broker as the program runs it.
type running struct {
	address, health string
	log             *lockedBuffer
	end             func() error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func begin(t *testing.T, args ...string) *running {
	t.Helper()
	local := func() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(kafkatest.FreePort(t))) }
	r := &running{address: local(), health: local(), log: &lockedBuffer{}}
	o, err := parse(append([]string{"--listen", r.address, "--health-probe-bind-address", r.health}, args...))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, o, slog.New(slog.NewTextHandler(r.log, nil))) }()
	r.end = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = r.end() }) // whoever cares has asked before
	kafkatest.Eventually(t, "the broker to be ready", func() bool { code, _ := r.get("/readyz"); return code == http.StatusOK })
	return r
}

func (r *running) get(path string) (int, string) {
	response, err := http.Get("http://" + r.health + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }() // what was read is complete or an error
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// dialing is a client that finds any name at the broker's address, as a cluster's DNS would.
func (r *running) dialing(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers("anywhere:1"),
		kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, r.address)
		})}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestClientsAreToldTheAdvertisedAddress(t *testing.T) {
	r := begin(t, "--advertise", "broker.kafka.svc:9092", "--topics", "orders,replies:5")
	brokers, err := kadm.NewClient(r.dialing(t)).ListBrokers(t.Context())
	if err != nil || len(brokers) != 1 || brokers[0].Host != "broker.kafka.svc" || brokers[0].Port != 9092 {
		t.Errorf("brokers %+v, error %v", brokers, err)
	}
}

func TestTopicsAreMadeAtTheStart(t *testing.T) {
	r := begin(t, "--topics", "orders,replies:5", "--partitions", "2")
	topics, err := kadm.NewClient(r.dialing(t)).ListTopics(t.Context())
	if err != nil || len(topics["orders"].Partitions) != 2 || len(topics["replies"].Partitions) != 5 || len(topics) != 2 {
		t.Errorf("topics %+v, error %v", topics, err)
	}
}

func TestWithADirectoryMessagesOutliveTheBroker(t *testing.T) {
	for name, test := range map[string]struct {
		flags []string
		kept  int64
		says  string
	}{
		"memory forgets":    {nil, 0, "KEEPING NOTHING"},
		"a directory keeps": {[]string{"--data", t.TempDir()}, 1, "one copy, on one disk"},
	} {
		t.Run(name, func(t *testing.T) {
			flags := append([]string{"--topics", "orders:1"}, test.flags...)
			first := begin(t, flags...)
			record := &kgo.Record{Topic: "orders", Value: []byte("one")}
			if err := first.dialing(t).ProduceSync(t.Context(), record).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := first.end(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(first.log.String(), test.says) {
				t.Errorf("the log does not say %q: %s", test.says, first.log)
			}
			second := begin(t, flags...)
			ends, err := kadm.NewClient(second.dialing(t)).ListEndOffsets(t.Context(), "orders")
			if end, _ := ends.Lookup("orders", 0); err != nil || end.Offset != test.kept {
				t.Errorf("%d messages are left, error %v", end.Offset, err)
			}
		})
	}
}

func TestReadinessNamesATopicThatIsGone(t *testing.T) {
	r := begin(t, "--topics", "orders")
	if _, err := kadm.NewClient(r.dialing(t)).DeleteTopics(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if code, text := r.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "topic orders does not exist") {
		t.Errorf("readyz: %d %s", code, text)
	}
	if code, _ := r.get("/healthz"); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
}

func TestAnAddressThatIsTakenEndsIt(t *testing.T) {
	taken := begin(t)
	for _, args := range [][]string{
		{"--listen", taken.address},
		{"--listen", fmt.Sprintf("127.0.0.1:%d", kafkatest.FreePort(t)), "--health-probe-bind-address", taken.health},
	} {
		var out, errOut bytes.Buffer
		limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if code := run(limited, args, &out, &errOut); code != exitFailed || !strings.Contains(errOut.String(), "address already in use") {
			t.Errorf("%v: exit code %d, errors %s", args, code, &errOut)
		}
		cancel()
	}
}

func TestAWrongFlagIsNamed(t *testing.T) {
	for want, args := range map[string][]string{
		"--advertise: must name a host":                                   {"--listen", ":9092"},
		`--advertise: must name a host that clients can reach, is "[::]:`: {"--listen", ":9092", "--advertise", "[::]:9092"},
		"--listen: must be host:port":                                     {"--listen", "9092"},
		"--listen: must have a port from 1":                               {"--listen", "127.0.0.1:0"},
		"--health-probe-bind-address":                                     {"--health-probe-bind-address", "x"},
		"--partitions: must be from 1":                                    {"--partitions", "0"},
		`"a:0" must have from 1 to 1000`:                                  {"--topics", "a:0"},
		`"a/b" cannot be the name`:                                        {"--topics", "a/b"},
		"is no flag":                                                      {"serve"},
		"unknown flag":                                                    {"--brokers"},
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), args, &out, &errOut); code != exitUsage || !strings.Contains(errOut.String(), want) {
			t.Errorf("%v: exit code %d, errors %q, want %q", args, code, &errOut, want)
		}
	}
}

func TestHelpAndVersionNeedNothing(t *testing.T) {
	for flag, want := range map[string]string{"--help": "--advertise", "--version": "broker " + version.Text()} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), []string{flag}, &out, &errOut); code != exitDone || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, output %q", flag, code, &out)
		}
	}
}
