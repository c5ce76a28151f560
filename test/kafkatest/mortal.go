package kafkatest

import (
	"os"
	"testing"

	"github.com/sagas-dev/saga-operator/test/kafkatest/fakebroker"
)

// Mortal is a broker that a test may kill and start again, with the same address and data.
type Mortal interface {
	Addr() string
	Kill(t testing.TB)
	Restart(t testing.TB)
}

// StartMortal starts one of the kind that the other tests use: where KAFKA_BROKERS names a real broker, an Apache
// Kafka of the test's own, else an embedded one.
func StartMortal(t testing.TB) Mortal {
	t.Helper()
	if os.Getenv(BrokersEnv) != "" {
		return StartApache(t, t.TempDir(), 0)
	}
	m := &mortalFake{dir: t.TempDir(), port: FreePort(t)}
	t.Cleanup(func() { m.Kill(t) })
	m.Restart(t)
	return m
}

type mortalFake struct {
	dir    string
	port   int
	broker *fakebroker.Broker
}

// Addr is the broker's host:port.
func (m *mortalFake) Addr() string { return m.broker.Addr() }

// Kill ends the broker. An embedded one cannot be killed as roughly as a process: its files are complete.
func (m *mortalFake) Kill(testing.TB) {
	if m.broker != nil {
		m.broker.Close()
	}
}

// Restart starts the broker again.
func (m *mortalFake) Restart(t testing.TB) {
	t.Helper()
	m.Kill(t)
	broker, err := fakebroker.Start(m.dir, m.port)
	if err != nil {
		t.Fatal(err)
	}
	m.broker = broker
}
