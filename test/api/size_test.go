package api

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

// stepNames are names as people give them: they count, since each step also names the one that led to it.
var stepNames = []string{"reserve-inventory", "charge-payment", "book-courier", "insure-parcel", "notify-warehouse",
	"add-loyalty", "reserve-gift", "issue-invoice", "update-ledger", "grant-voucher"}

// tenSteps is a definition of ten steps that can all be undone.
func tenSteps() v1alpha1.SagaDefinitionSpec {
	def := v1alpha1.SagaDefinitionSpec{Deadline: &metav1.Duration{Duration: 15 * time.Minute}}
	for _, name := range stepNames {
		def.Steps = append(def.Steps, v1alpha1.Step{
			Name: name, Recovery: v1alpha1.RecoveryCompensatable, Participant: "shop",
			Action: &v1alpha1.Action{Command: "reserve"}, Compensation: &v1alpha1.Compensation{Command: "release"},
		})
	}
	return def
}

// tenStepsInAGraph are the same steps, whose branches come together in two places.
func tenStepsInAGraph() v1alpha1.SagaDefinitionSpec {
	def := tenSteps()
	waits := [][]string{nil, nil, nil, {"reserve-inventory"}, {"reserve-inventory", "charge-payment"}, {"charge-payment"},
		{"book-courier"}, {"insure-parcel", "notify-warehouse", "add-loyalty", "reserve-gift"}, {"issue-invoice"}, {"issue-invoice"}}
	for i := range def.Steps {
		def.Steps[i].DependsOn = waits[i]
	}
	return def
}

// runThrough answers every command with output, or, where it is declined's, with a failure, until the saga ends.
func runThrough(t *testing.T, def v1alpha1.SagaDefinitionSpec, output, declined string) v1alpha1.SagaStatus {
	t.Helper()
	expressions, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(def, expressions)
	if err != nil {
		t.Fatal(err)
	}
	run := program.For(engine.Saga{UID: "uid", Namespace: "default", Name: "order-1001", IdempotencyKey: "shop/default/order-1001"})
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	events := []engine.Event{engine.Started{Revision: "order-fulfilment-6f9c7d5b8", InputDigest: "sha256:9f86d081884c7d659a2feaa0c55ad015"}}
	var state engine.State
	for range 100 {
		state, _ = run.Next(state, now, events)
		if state.EndTime != nil {
			return engine.Summarize(program, state, engine.Facts{Generation: 1, Now: now})
		}
		commands, err := run.Pending(state)
		if err != nil || len(commands) == 0 {
			t.Fatalf("%d commands pending: %v", len(commands), err)
		}
		events = nil
		for _, c := range commands {
			events = append(events, answer(c, output, declined))
		}
		now = now.Add(time.Second)
	}
	t.Fatal("the saga does not end")
	return v1alpha1.SagaStatus{}
}

func answer(c engine.Command, output, declined string) engine.Replied {
	reply := engine.Replied{Step: c.Step, Direction: c.Direction, Round: c.Round, Attempt: c.Attempt,
		Outcome: engine.Succeeded, Body: []byte(output)}
	if c.Step == declined && c.Direction == engine.Forward {
		reply.Outcome, reply.Body = engine.Failed, []byte(`{"code":"CARD_DECLINED","message":"Card declined"}`)
	}
	return reply
}

// Outputs as services give them: one id, and 80 bytes.
const (
	oneID     = `{"reservationId":"r-4ffb84ced308"}`
	realistic = `{"reservationId":"r-4ffb84ced308","warehouse":"eu-central-2","expires":"10:15Z"}`
)

// The budget of etcd: what kubectl and the operator note about fields (managedFields, last-applied-configuration) counts.
const budget = 8 << 10

func TestASagaOfTenStepsStaysWithinTheBudgetOfEtcd(t *testing.T) {
	const last = "grant-voucher"
	for name, c := range map[string]struct {
		def              v1alpha1.SagaDefinitionSpec
		output, declined string
		revision         bool // most sagas run the newest
		most             int
	}{
		"where every step is done":                     {tenSteps(), oneID, "", false, budget},
		"where the last fails, all undone":             {tenSteps(), oneID, last, false, budget},
		"of a revision, done":                          {tenSteps(), oneID, "", true, budget},
		"of a revision, undone":                        {tenSteps(), oneID, last, true, budget},
		"with outputs of 80 bytes, done":               {tenSteps(), realistic, "", true, budget},
		"with outputs of 80 bytes, undone":             {tenSteps(), realistic, last, true, budget},
		"a graph, done":                                {tenStepsInAGraph(), oneID, "", false, budget},
		"a graph, undone":                              {tenStepsInAGraph(), oneID, last, false, budget},
		"a graph of a revision, with 80 bytes, done":   {tenStepsInAGraph(), realistic, "", true, budget},
		"a graph with 80 bytes, undone":                {tenStepsInAGraph(), realistic, last, false, budget},
		"a graph of a revision, with 80 bytes, undone": {tenStepsInAGraph(), realistic, last, true, budget},
	} {
		t.Run(name, func(t *testing.T) {
			status := runThrough(t, c.def, c.output, c.declined)
			if size := sizes(t, storeWith(t, status, c.revision)); size["all"] > c.most || size["steps"] < 1<<10 || size["managedFields"] < 1<<9 {
				t.Errorf("the saga has %v bytes; want at most %d in all, steps and managedFields among them", size, c.most)
			}
		})
	}
}

// storeWith is a saga as etcd holds it: applied by kubectl, and given its status by the operator.
func storeWith(t *testing.T, status v1alpha1.SagaStatus, revision bool) *unstructured.Unstructured {
	t.Helper()
	s := newServer(t)
	saga := load(t, sagaByReference)
	if !revision {
		remove("spec/definitionRef/revision")(saga)
	}
	saga.SetNamespace(s.namespace)
	saga.SetFinalizers([]string{v1alpha1.FinalizerSaga})
	manifest, err := yaml.Marshal(saga.Object)
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := kubectl(t, string(manifest), "apply", "-f", "-"); err != nil {
		t.Fatalf("kubectl apply: %v: %s", err, stderr)
	}
	stored := s.get(saga)
	if stored.Object["status"], err = runtime.DefaultUnstructuredConverter.ToUnstructured(&status); err != nil {
		t.Fatal(err)
	}
	s.storeStatus(stored)
	return s.get(saga)
}

// sizes are the bytes of a saga and of its largest parts, as compact JSON, which is how etcd holds them.
func sizes(t *testing.T, saga *unstructured.Unstructured) map[string]int {
	t.Helper()
	size := map[string]int{}
	for name, path := range map[string][]string{
		"all": nil, "managedFields": {"metadata", "managedFields"}, "spec": {"spec"},
		"steps": {"status", "steps"}, "conditions": {"status", "conditions"},
	} {
		raw, err := json.Marshal(at(saga.Object, path))
		if err != nil {
			t.Fatal(err)
		}
		size[name] = len(raw)
	}
	return size
}
