package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/trigger"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func TestEveryEventStartsOneSagaHoweverOftenItIsDelivered(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.publish("1", "2", "1")
	g.make()
	stop := g.run()
	g.awaitSagas(2)
	g.publish("2", "3", "3", "1")
	g.awaitSagas(3)
	g.awaitDealt()
	saga := &v1alpha1.Saga{}
	g.must(g.api.Get(t.Context(), client.ObjectKey{Namespace: g.namespace, Name: nameOf("3")}, saga))
	if string(saga.Spec.Params.Raw) != `{"id":"3"}` || saga.Spec.OnKeyUsed != v1alpha1.KeyUsedEnd || !hasFinalizer(saga) ||
		saga.Annotations[v1alpha1.AnnotationEventID] != "3" || saga.ManagedFields[0].Manager != "saga-trigger" {
		t.Errorf("saga %+v", saga)
	}
	kafkatest.Eventually(t, "the numbers", func() bool {
		status := g.trigger().Status
		return status.Started == 3 && status.Active == 3 && status.Lag == 0 && status.LastStartTime != nil && status.Refused == 0
	})
	stop()
	g.run() // and goes on counting where it was
	g.publish("4")
	kafkatest.Eventually(t, "the numbers after a restart", func() bool { return g.trigger().Status.Started == 4 })
	if found := g.trigger(); !meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionAccepted) {
		t.Errorf("conditions %+v", found.Status.Conditions)
	}
}

func TestAQuietTriggerIsNotWritten(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.make()
	g.run()
	g.publish("1")
	g.awaitSagas(1)
	kafkatest.Eventually(t, "the numbers", func() bool { return g.trigger().Status.Started == 1 && g.trigger().Status.Lag == 0 })
	g.awaitReady(v1alpha1.ReasonReading)
	before := g.statusWrites()
	time.Sleep(time.Second) // five times as long as it takes to tell of numbers
	if after := g.statusWrites(); after != before {
		t.Errorf("%d writes though nothing happened", after-before)
	}
}

func TestAPoisonedEventGoesToTheDeadLettersWithItsReasonAndHoldsUpNoOther(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.make(func(s *v1alpha1.SagaTriggerSpec) { s.Filter = "event.data.?wanted.orValue(true)" })
	g.run()
	noSource := g.event("s", `{}`)
	noSource.Headers = append(noSource.Headers[:2:2], noSource.Headers[3:]...)
	for _, m := range []wire.Message{
		noSource, g.event("json", `order`), g.event("filter", `{"wanted":1}`), g.event("mapping", `{}`), g.event("schema", `{"id":7}`),
	} {
		g.cluster.Produce(t, m)
	}
	g.cluster.ProduceWith(t, []kgo.Opt{kgo.ProducerBatchMaxBytes(4 << 20)}, g.event("huge", strings.Repeat("x", 2<<20)))
	g.cluster.Produce(t, g.event("unwanted", `{"wanted":false}`))
	g.publish("fine")
	g.awaitSagas(1)
	got := map[string]string{}
	for _, letter := range g.letters(6) {
		got[letter[wire.HeaderID]] = letter[wire.HeaderDeadReason]
		if letter[wire.HeaderDeadTopic] != g.topic || letter[wire.HeaderDeadTrigger] != g.namespace+"/placed" || letter[wire.HeaderDeadDetail] == "" {
			t.Errorf("dead letter %v", letter)
		}
		if letter[wire.HeaderID] == "huge" && letter[wire.HeaderDeadCut] != "2097152" {
			t.Errorf("the large event is not cut: %v", letter)
		}
	}
	want := map[string]string{
		"s": wire.ReasonMalformed, "json": wire.ReasonInvalidData, "filter": wire.ReasonFilterFailed, "mapping": wire.ReasonMappingFailed,
		"schema": wire.ReasonInvalidParameters, "huge": wire.ReasonInvalidData,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	g.awaitDealt()
	kafkatest.Eventually(t, "the refused to be counted", func() bool { return g.trigger().Status.Refused == 6 })
}

func TestAnEventThatTheAPIServerRefusesForGoodIsPoison(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.make()
	g.refuse(func(o client.Object) error {
		if o.GetName() == nameOf("bad") {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "Saga"}, o.GetName(), nil)
		}
		return nil
	})
	g.run()
	g.publish("bad", "fine")
	g.awaitSagas(1)
	if letter := g.letters(1)[0]; letter[wire.HeaderDeadReason] != wire.ReasonObjectRejected || letter[wire.HeaderID] != "bad" {
		t.Errorf("dead letter %v", letter)
	}
	g.awaitDealt()
}

func TestAQuotaHoldsStartsBackUntilItIsRaised(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.limit("1")
	g.make()
	g.run()
	g.publish("1", "2", "3")
	g.awaitSagas(1)
	if message := g.awaitReady(v1alpha1.ReasonQuotaExceeded); !strings.Contains(message, "exceeded quota: sagas") {
		t.Errorf("message %q", message)
	}
	g.limit("10")
	g.awaitSagas(3)
	g.awaitReady(v1alpha1.ReasonReading)
	g.awaitDealt()
}

func TestAnAPIServerInTroubleLosesNoEvent(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.make()
	g.refuse(func(o client.Object) error {
		if _, ok := o.(*v1alpha1.Saga); ok {
			return apierrors.NewTooManyRequestsError("later")
		}
		return nil
	})
	g.run()
	g.publish("1", "2")
	g.awaitReady(v1alpha1.ReasonStartsFailing)
	g.refuse(nil)
	g.awaitSagas(2)
	g.awaitReady(v1alpha1.ReasonReading)
	g.awaitDealt()
}

func TestNoMoreSagasAreUnfinishedThanMayBe(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.make(func(s *v1alpha1.SagaTriggerSpec) { s.MaxActive = ptr.To[int32](2) })
	stop := g.run()
	g.publish("1", "2", "3", "4", "5")
	g.awaitSagas(2)
	g.awaitReady(v1alpha1.ReasonThrottled)
	kafkatest.Eventually(t, "the lag", func() bool { return g.trigger().Status.Lag == 3 })
	stop()
	g.run() // a new process must count what is there before it makes more
	for made := 3; made <= 5; made++ {
		for _, saga := range g.sagas() {
			if !final(saga.Status.Phase) {
				g.complete(saga.Name)
				break
			}
		}
		g.awaitSagas(made)
	}
	g.awaitReady(v1alpha1.ReasonReading)
	g.awaitDealt()
}

func TestASuspendedTriggerReadsNothingAndGoesOnWhereItWas(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.make()
	g.run()
	g.publish("1")
	g.awaitSagas(1)
	g.change(func(s *v1alpha1.SagaTriggerSpec) { s.Suspend = true })
	g.awaitReady(v1alpha1.ReasonSuspended)
	g.publish("2", "3")
	kafkatest.Eventually(t, "the lag to grow", func() bool { return g.trigger().Status.Lag == 2 })
	if n := len(g.sagas()); n != 1 {
		t.Errorf("%d sagas though the trigger is suspended", n)
	}
	g.change(func(s *v1alpha1.SagaTriggerSpec) { s.Suspend = false })
	g.awaitSagas(3)
	g.awaitReady(v1alpha1.ReasonReading)
}

func TestATriggerStartsWhereItIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		from func(noon time.Time) string
		want []string
	}{
		"with the first event": {func(time.Time) string { return v1alpha1.StartEarliest }, []string{"early", "late", "new"}},
		"with the next event":  {func(time.Time) string { return v1alpha1.StartLatest }, []string{"new"}},
		"with those of a time": {func(noon time.Time) string { return noon.Format(time.RFC3339) }, []string{"late", "new"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTriggers(t)
			g.define("fulfil")
			noon := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
			for id, at := range map[string]time.Time{"early": noon.Add(-time.Minute), "late": noon.Add(time.Minute)} {
				m := g.event(id, fmt.Sprintf(`{"id":%q}`, id))
				m.Time = at
				g.cluster.Produce(t, m)
			}
			g.make(func(s *v1alpha1.SagaTriggerSpec) { s.StartFrom = test.from(noon) })
			g.run()
			g.awaitReady(v1alpha1.ReasonReading)
			g.publish("new")
			g.awaitSagas(len(test.want))
			g.awaitDealt()
			for _, id := range test.want {
				g.must(g.api.Get(t.Context(), client.ObjectKey{Namespace: g.namespace, Name: nameOf(id)}, &v1alpha1.Saga{}))
			}
		})
	}
}

func TestATriggerWaitsForItsDefinition(t *testing.T) {
	g := newTriggers(t)
	g.make()
	g.run()
	g.publish("1")
	if message := g.awaitReady(v1alpha1.ReasonDefinitionNotFound); !strings.Contains(message, `SagaDefinition "fulfil"`) {
		t.Errorf("message %q", message)
	}
	g.define("fulfil")
	g.awaitSagas(1)
	g.awaitReady(v1alpha1.ReasonReading)
}

func TestATriggerWaitsForItsTopic(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.topic = kafkatest.Name("later")
	g.make()
	g.run()
	g.awaitReady(v1alpha1.ReasonTopicMissing)
	g.cluster.CreateTopics(t, 2, g.topic)
	g.awaitReady(v1alpha1.ReasonReading)
	g.publish("1")
	g.awaitSagas(1)
}

func TestATriggerThatIsNotAcceptedSaysWhy(t *testing.T) {
	g := newTriggers(t)
	g.noOrders = true
	g.run()
	order := &runtime.RawExtension{Raw: []byte(`{"total":"1"}`)}
	for name, test := range map[string]struct {
		change       func(*v1alpha1.SagaTriggerSpec)
		reason, says string
	}{
		"filter":  {func(s *v1alpha1.SagaTriggerSpec) { s.Filter = "event.data.amount >" }, v1alpha1.ReasonInvalidExpression, "spec.filter: 1:20: "},
		"mapping": {func(s *v1alpha1.SagaTriggerSpec) { s.Params.Raw = []byte(`{"a":"${params.x}"}`) }, v1alpha1.ReasonInvalidParameters, "spec.params.a: "},
		"topic":   {func(s *v1alpha1.SagaTriggerSpec) { s.Topic = "shop.saga.replies" }, v1alpha1.ReasonTopicNotPermitted, "no trigger's"},
		"orders": {func(s *v1alpha1.SagaTriggerSpec) { s.DefinitionRef, s.Params, s.Order = nil, nil, order }, v1alpha1.ReasonOrdersDisabled,
			"runs no OrderWorkflows"},
	} {
		t.Run(name, func(t *testing.T) {
			made := g.object("is-"+name, test.change)
			g.must(g.api.Create(t.Context(), made))
			for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
				kafkatest.Eventually(t, kind+" to say "+test.reason, func() bool {
					g.must(g.api.Get(t.Context(), client.ObjectKeyFromObject(made), made))
					c := meta.FindStatusCondition(made.Status.Conditions, kind)
					return c != nil && c.Reason == test.reason && strings.Contains(c.Message, test.says) && (c.Status == "True") == (kind == v1alpha1.ConditionStalled)
				})
			}
		})
	}
}

func TestATriggerReadsOnlyWhatItsNamespaceMay(t *testing.T) {
	g := newTriggers(t)
	policy, err := topicpolicy.Parse([]byte(`rules: [{namespaces: [other], topicPrefixes: [` + g.topic + `]}]`))
	g.must(err)
	g.may = policy
	g.define("fulfil")
	g.publish("1")
	g.make()
	g.run()
	if message := g.awaitReady(v1alpha1.ReasonTopicNotPermitted); !strings.Contains(message, "is not permitted in namespace") {
		t.Errorf("message %q", message)
	}
	if n := len(g.sagas()); n != 0 {
		t.Errorf("%d sagas of a topic that may not be read", n)
	}
}

func TestATriggerOnDeadLettersStartsSagasAndNeverFeedsItself(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	origin := g.topic
	g.topic = g.deadLetters()
	g.make()
	g.run()
	for _, m := range []wire.Message{g.event("dead", `{"id":"dead"}`), g.event("poison", `{}`)} {
		m.Topic, m.Offset = origin, 7
		letter := wire.DeadLetter(m, g.topic, wire.Cause{Reason: wire.ReasonNotAsked}, time.Now())
		letter.Partition = 0
		g.cluster.Produce(t, letter)
	}
	g.awaitSagas(1)
	copied := g.letters(3)[2] // what this trigger cannot use is kept once more, with its own reason
	if copied[wire.HeaderID] != "poison" || copied[wire.HeaderDeadReason] != wire.ReasonMappingFailed || copied[wire.HeaderDeadTopic] != g.topic {
		t.Errorf("dead letter %v", copied)
	}
	g.awaitDealt() // the copy as well
	if end := g.cluster.Ends(t, g.topic)[0]; end != 3 {
		t.Errorf("%d dead letters, want 3: the trigger feeds itself", end)
	}
}

func TestATriggerMakesOrders(t *testing.T) {
	g := newTriggers(t)
	g.make(func(s *v1alpha1.SagaTriggerSpec) {
		s.DefinitionRef, s.Params = nil, nil
		s.Order = &runtime.RawExtension{Raw: []byte(`{"customer":{"id":"${event.data.id}","name":"Ada"},"currency":"EUR","total":"${event.data.total}",
			"lines":[{"sku":"A","quantity":2,"unitPrice":"1.50"}],"payment":{"method":"tok"},"delivery":{"address":["Street 1"],"city":"B","country":"DE"}}`)}
	})
	g.run()
	g.cluster.Produce(t, g.event("wrong", `{"id":"w","total":"4.00"}`), g.event("right", `{"id":"c-7","total":"3.00"}`))
	order := &v1alpha1.OrderWorkflow{}
	kafkatest.Eventually(t, "the order", func() bool {
		return g.api.Get(t.Context(), client.ObjectKey{Namespace: g.namespace, Name: nameOf("right")}, order) == nil
	})
	if order.Spec.Customer.ID != "c-7" || order.Spec.DefinitionRef.Name != v1alpha1.DefaultOrderDefinition {
		t.Errorf("order %+v", order.Spec)
	}
	if letter := g.letters(1)[0]; letter[wire.HeaderDeadReason] != wire.ReasonMappingFailed || !strings.Contains(letter[wire.HeaderDeadDetail], "sum up to 3.00 EUR") {
		t.Errorf("dead letter %v", letter)
	}
	kafkatest.Eventually(t, "the order to be active", func() bool { return g.trigger().Status.Active == 1 })
}

func TestATriggerThatIsDeletedReadsNoMoreAndLeavesItsSagas(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.make()
	g.run()
	g.publish("1")
	g.awaitSagas(1)
	g.awaitDealt()
	deleted := g.trigger()
	g.must(g.api.Delete(t.Context(), deleted))
	kafkatest.Eventually(t, "the trigger to be read no more", func() bool {
		_, reading := g.runs.State(client.ObjectKeyFromObject(deleted))
		return !reading
	})
	g.publish("2")
	witness := g.object("witness") // once it has started its own, the event was there to be read
	g.must(g.api.Create(t.Context(), witness))
	kafkatest.Eventually(t, "the other trigger", func() bool {
		return g.api.Get(t.Context(), client.ObjectKey{Namespace: g.namespace, Name: trigger.NameOf("witness", "/web", "2")}, &v1alpha1.Saga{}) == nil
	})
	if n := len(g.sagas()); n != 1 {
		t.Errorf("%d sagas; want the one of before", n)
	}
	g.make() // under its old name it goes on where it was
	g.awaitSagas(2)
}
