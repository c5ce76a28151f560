package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// auditsTheTopics looks at what all scenarios together leave: nothing has ended by itself, and the topics show that each command
// was sent in one form, that each was served, and that no answer was in vain.
func auditsTheTopics(t *testing.T, c *cluster) {
	for _, namespace := range []string{operatorNamespace, shop, brokerNamespace} {
		var pods corev1.PodList
		if err := c.client.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		for _, pod := range pods.Items {
			for _, container := range pod.Status.ContainerStatuses {
				if container.RestartCount > 0 {
					t.Errorf("%s/%s has restarted %d times", namespace, pod.Name, container.RestartCount)
				}
			}
		}
	}
	if c.kafka == "" {
		t.Skip("the topics are audited on Apache Kafka only: this machine does not reach the broker in the cluster")
	}
	broker := kafkatest.Use(t, c.kafka)
	served := map[string]bool{}
	for _, command := range c.readBooks(t).Commands {
		served[command.ID] = true
	}
	sent := map[string]string{}
	for _, service := range services {
		inOneForm(t, all(t, broker, service+".commands"), sent)
	}
	for id := range sent {
		if !served[id] {
			t.Errorf("command %s was sent and never served", id)
		}
	}
	for _, dead := range all(t, broker, wire.DeadLettersTopic("default")) {
		t.Errorf("a reply was in vain: %v", readable(dead))
	}
	ends, outcomes := map[string]string{}, all(t, broker, wire.OutcomesTopic("default"))
	inOneForm(t, outcomes, ends)
	c.announced(t, outcomes)
	t.Logf("%d commands and %d ends, each in one form", len(sent), len(ends))
}

// announced expects one end for each order since the move to this broker: the one that its status shows.
func (c *cluster) announced(t *testing.T, outcomes []wire.Message) {
	t.Helper()
	ends := map[string][]string{}
	for _, m := range outcomes {
		uid, end := headerOf(m, wire.HeaderSagaID), headerOf(m, wire.HeaderType)
		if !slices.Contains(ends[uid], end) {
			ends[uid] = append(ends[uid], end)
		}
	}
	var sagas v1alpha1.SagaList
	if err := c.client.List(t.Context(), &sagas, client.InNamespace(shop), client.HasLabels{labelBatch}); err != nil {
		t.Fatal(err)
	}
	for _, saga := range sagas.Items {
		if saga.CreationTimestamp.Time.Before(c.moved) {
			continue
		}
		want := []string{"saga." + strings.ToLower(string(saga.Status.Phase))}
		if !slices.Equal(ends[string(saga.UID)], want) {
			t.Errorf("%s was announced as %q, not as %q", saga.Name, ends[string(saga.UID)], want)
		}
	}
}

// all reads a topic from its start to its end.
func all(t *testing.T, broker *kafkatest.Cluster, topic string) []wire.Message {
	t.Helper()
	n := 0
	for _, end := range broker.Ends(t, topic) {
		n += int(end)
	}
	if n == 0 {
		return nil
	}
	return broker.Consume(t, topic, n)
}

// inOneForm adds messages to seen, by id, and expects that what has one id has the same bytes.
func inOneForm(t *testing.T, messages []wire.Message, seen map[string]string) {
	t.Helper()
	for _, m := range messages {
		id, form := headerOf(m, wire.HeaderID), formOf(m)
		if first, ok := seen[id]; ok && first != form {
			t.Errorf("%s was sent in two forms:\n%s\n%s", id, first, form)
		}
		seen[id] = form
	}
}

// formOf is what must be the same each time that a message is sent.
func formOf(m wire.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", m.Topic, m.Key, m.Value)
	mayDiffer := []string{wire.HeaderReplyToken, wire.HeaderReplyPartition, wire.HeaderTraceParent, wire.HeaderTraceState}
	for _, h := range m.Headers {
		if !slices.Contains(mayDiffer, h.Key) {
			fmt.Fprintf(&b, " %s=%s", h.Key, h.Value)
		}
	}
	return b.String()
}

func headerOf(m wire.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func readable(m wire.Message) []string {
	var headers []string
	for _, h := range m.Headers {
		headers = append(headers, h.Key+"="+string(h.Value))
	}
	return headers
}
