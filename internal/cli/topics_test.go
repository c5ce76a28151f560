package cli

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/topics"
)

const triggered = `apiVersion: sagas.dev/v1alpha1
kind: SagaTrigger
metadata: {name: orders, namespace: shop}
spec: {topic: orders, definitionRef: {name: checkout}}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: payment, namespace: shop}
spec: {topics: {commands: payment.commands, events: payment.events}}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: checkout, namespace: shop}
spec:
  steps:
  - {name: charge, recovery: Retriable, participant: payment, action: {command: charge}}
  - {name: settled, recovery: Retriable, participant: payment, await: {event: settled, timeout: 1h}}
`

func TestTopicsOfFilesAreListed(t *testing.T) {
	p := runWith(triggered, "topics", "-", "-o", "json", "--installation", "eu", "--partitions", "3")
	var needs topics.Needs
	if err := json.Unmarshal([]byte(p.out), &needs); err != nil || p.code != 0 {
		t.Fatalf("it prints %s%s: %v", p.out, p.err, err)
	}
	if len(needs.Topics) != 6 || needs.Topics[5].Name != "orders" || needs.Topics[0].Partitions != 3 {
		t.Errorf("topics are %+v", needs.Topics)
	}
	expect(t, runWith(triggered, "topics", "-"), 0, "TOPIC", "payment.commands", "User:saga-operator   Read    group      default.trigger.shop.orders")
	expect(t, runWith(triggered, "topics", "-", "-o", "kafka-topics"), 0, `kafka-acls.sh --bootstrap-server "$BROKERS" --add --allow-principal 'User:payment'`)
	expect(t, runWith(triggered, "topics", "-", "-o", "strimzi", "--strimzi-authentication", "none"), 0, "kind: KafkaTopic", "kind: KafkaUser")
}

func TestAParticipantThatIsMissingIsNamed(t *testing.T) {
	const lease = `apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: lease}
spec:
  steps:
  - {name: charge, recovery: Retriable, participant: bank, action: {command: charge}}
---
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: trip}
spec:
  definition:
    steps:
    - {name: charge, recovery: Retriable, participant: bank, action: {command: charge}}
    - {name: fly, recovery: Retriable, participant: airline, action: {command: fly}}
`
	p := runWith(lease, "topics", "-")
	expect(t, p, 0, "default.saga.replies")
	want := `warning: SagaParticipant "bank", which definition lease needs, is not among these files: its topics are missing
warning: SagaParticipant "airline", which saga trip needs, is not among these files: its topics are missing
`
	if p.err != want {
		t.Errorf("it says %q, not %q", p.err, want)
	}
	if p := runWith(triggered, "topics", "-", "-o", "json"); p.err != "" {
		t.Errorf("it says %q of files that lack nothing", p.err)
	}
}

func TestTopicsOfTheClusterAreListed(t *testing.T) {
	c := newCluster(t)
	c.pinned("checkout", action("reserve", "inventory", "reserve", "release"))
	p := &v1alpha1.SagaParticipant{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "inventory"},
		Spec: v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: "inventory.commands"}}}
	if err := c.client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	c.expect(c.run("topics"), 0, "inventory.commands", "default.saga.replies")
	c.expect(c.run("topics", "-A"), 0, "inventory.commands")
}

func TestWhatTopicsCannotDoIsSaid(t *testing.T) {
	expect(t, runWith("", "topics", "x.yaml", "-A"), 2, "files, or -A: not both")
	expect(t, runWith("", "topics", "-", "--partitions", "0"), 2, "--partitions must be from 1 to 1000, is 0")
	expect(t, runWith("", "topics", "-", "--replicas", "10"), 2, "--replicas must be from 1 to 9, is 10")
	expect(t, runWith("", "topics", "-", "-o", "csv"), 2, "--output must be one of table, kafka-topics, strimzi, json")
	expect(t, runWith("a: [", "topics", "-"), 2, "stdin:1: yaml")
	expect(t, runWith("apiVersion: sagas.dev/v1alpha1\nkind: SagaDefinition\nmetadata: {name: d}\nspec: {steps: []}\n", "topics", "-"), 2,
		`definition "d"`, "kubectl saga lint says what is wrong")
}

func TestLintEndsAsItJudges(t *testing.T) {
	const unheard = "apiVersion: sagas.dev/v1alpha1\nkind: SagaTree\nmetadata: {name: x}\n"
	expect(t, runWith(unheard, "lint", "-"), 1, "stdin:2 (SagaTree/x): kind: there is no SagaTree in sagas.dev/v1alpha1", "0 objects judged: 1 error, 0 warnings\n")
	expect(t, runWith("apiVersion: v1\nkind: ConfigMap\n", "lint", "-"), 0, "0 objects judged: 0 errors, 0 warnings; 1 object of other kinds passed over")
	p := runWith(unheard, "lint", "-", "-o", "json")
	var report struct {
		Findings []struct{ Severity, File, Kind string }
	}
	if err := json.Unmarshal([]byte(p.out), &report); err != nil || p.code != 1 || report.Findings[0].Kind != "SagaTree" {
		t.Errorf("it prints %s: %v", p.out, err)
	}
	expect(t, runWith("", "lint"), 2, "name at least one file or directory")
	expect(t, runWith("", "lint", "/does/not/exist"), 2, "/does/not/exist")
}
