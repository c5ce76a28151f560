package kafka_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func TestNothingNeedsARestartAfterABrokersOutage(t *testing.T) {
	broker := kafkatest.StartMortal(t)
	cluster := kafkatest.Use(t, broker.Addr())
	topic, group := cluster.Topic(t, 3), kafkatest.Name("group")
	client := connect(t, broker.Addr())
	p := newProducer(t, client)
	send := func(value string) error { return p.Send(t.Context(), []wire.Message{keyed(topic, "k", value)}) }
	kafkatest.Eventually(t, "the broker to lead its new topic", func() bool { return send("before") == nil })
	r := read(t, client, topic, group)
	r.awaitValues(t, 1)
	r.awaitHeard(t)

	broker.Kill(t)
	kafkatest.Eventually(t, "the loss to be noticed", func() bool { _, ok := r.ReadableSince(); return !ok })
	away := time.Now()
	if err := send("meanwhile"); !errors.Is(err, kafka.ErrUnavailable) {
		t.Errorf("sending to a broker that is away: got %v", err)
	}
	r.Commit(1, 0)
	if heard := r.HeardUntil(); heard.After(away) {
		t.Error("silence was heard while nobody could speak")
	}

	broker.Restart(t)
	restarted := time.Now()
	kafkatest.Eventually(t, "sending to work again", func() bool { return send("after") == nil })
	r.awaitHeard(t)
	t.Logf("working again %s after the broker", time.Since(restarted))
	values := r.awaitValues(t, 2)
	if values[0] != "before" || values[len(values)-1] != "after" {
		t.Errorf("read %q", values)
	}
	if since, ok := r.ReadableSince(); !ok || since.Before(away) {
		t.Errorf("readable since %s, %t: the outage is forgotten", since, ok)
	}
	if diff := cmp.Diff([]bool{true, false, true}, r.history()); diff != "" {
		t.Errorf("changes of readability (-want +got):\n%s", diff)
	}
	kafkatest.Eventually(t, "the waiting commit", func() bool { at, ok := cluster.Committed(t, group, topic)[1]; return ok && at == 0 })
}
