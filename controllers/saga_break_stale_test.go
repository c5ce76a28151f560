package controllers

import (
	"context"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// define makes a definition with the steps of twoSteps, accepted, and its revision.
func (s *sagas) define(name string) *v1alpha1.SagaDefinition {
	s.t.Helper()
	def := &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: *twoSteps("x").Spec.Definition}
	s.create(def)
	rev, err := revision.New(def, 1, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.create(rev)
	def.Status.ObservedGeneration, def.Status.Revision = def.Generation, rev.Name
	def.Status.Conditions = []metav1.Condition{acceptedIs(metav1.ConditionTrue, v1alpha1.ReasonAccepted)}
	if err := s.api.Status().Update(s.t.Context(), def); err != nil {
		s.t.Fatal(err)
	}
	return def
}

func acceptedIs(status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: status, Reason: reason, LastTransitionTime: metav1.Now()}
}

func fromDefinition(name, definition string) *v1alpha1.Saga {
	saga := twoSteps(name)
	saga.Spec.Definition, saga.Spec.DefinitionRef = nil, &v1alpha1.DefinitionReference{Name: definition}
	return saga
}

// seeing is a cache whose reads change after they were answered.
func (s *sagas) seeing(change func(client.Object) error) client.Client {
	return interceptor.NewClient(indexed{s.api}, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := c.Get(ctx, key, o, opts...); err != nil {
				return err
			}
			return change(o)
		},
	})
}

// noRevision is what a reader says that has none.
func noRevision(o client.Object) error {
	if _, ok := o.(*appsv1.ControllerRevision); ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "controllerrevisions"}, o.GetName())
	}
	return nil
}

func TestARevisionThatTheCacheLacksCostsNoReply(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.define("order")
	s.start(fromDefinition("x", "order"))
	s.answer("a", wire.Succeeded, nil)
	s.cache = s.seeing(noRevision)
	before := s.get("x").Status.ObservedGeneration
	s.mustReconcile("x")
	if st := stepNamed(t, s.get("x"), "reserve"); st.State != v1alpha1.StepSucceeded || len(s.deadReasons()) != 0 {
		t.Fatalf("generation %d: the step is %s, dead letters %v", before, st.State, s.deadReasons())
	}
}

func TestAnOldRefusalOfTheDefinitionRejectsNoSaga(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.define("order")
	s.cache = s.seeing(func(o client.Object) error {
		if def, ok := o.(*v1alpha1.SagaDefinition); ok {
			def.Status.Conditions = []metav1.Condition{acceptedIs(metav1.ConditionFalse, v1alpha1.ReasonInvalidDefinition)}
		}
		return nil
	})
	s.start(fromDefinition("x", "order"))
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseRunning {
		t.Fatalf("phase is %s", phase)
	}
}

// remembering is a cache that lists sagas as they were.
type remembering struct {
	indexed
	old []v1alpha1.Saga
}

func (c remembering) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if l, ok := list.(*v1alpha1.SagaList); ok {
		l.Items = slices.Clone(c.old)
		return nil
	}
	return c.indexed.List(ctx, list, opts...)
}

func TestAKeyWhoseHolderHasEndedIsFreeWhateverTheCacheRemembers(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	first := twoSteps("x")
	first.Spec.IdempotencyKey = "order-1"
	s.start(first)
	old := *s.get("x")
	s.vanish("x")
	s.mustReconcile("x")
	second := twoSteps("y")
	second.Spec.IdempotencyKey = "order-1"
	s.create(second)
	s.cache = remembering{indexed{s.api}, []v1alpha1.Saga{old}}
	s.mustReconcile("y")
	if phase := s.get("y").Status.Phase; phase != v1alpha1.PhaseRunning {
		t.Fatalf("phase is %s", phase)
	}
}

func TestClaimsOfKeysAreForgottenOnceTheCacheKnows(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.mustReconcile("x")
	if n := len(s.r.keys.holder); n != 0 {
		t.Fatalf("%d claims are kept of sagas that the cache shows as started", n)
	}
}

// G3: on this old copy nothing would change, so no compare-and-swap stands between the reply and the dead-letter topic.
func TestAReplyToACommandThatTheCacheHasNotSeenIsJudgedOnALiveRead(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	old := s.get("x") // the first step waits
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.flush()
	s.restart()
	s.answer("b", wire.Succeeded, nil)
	s.cache = stale{indexed: indexed{s.api}, old: old}
	s.mustReconcile("x")
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseCompleted || len(s.deadReasons()) != 0 {
		t.Fatalf("phase is %s, dead letters %v", phase, s.deadReasons())
	}
}

// G3: a saga that the cache does not know yet may be there all the same.
func TestAReplyToASagaThatTheCacheDoesNotKnowIsJudgedOnALiveRead(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.restart()
	s.answer("a", wire.Succeeded, nil)
	s.cache = s.seeing(func(o client.Object) error {
		if _, ok := o.(*v1alpha1.Saga); ok {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "sagas"}, o.GetName())
		}
		return nil
	})
	s.mustReconcile("x")
	s.flush()
	if st := stepNamed(t, s.get("x"), "reserve"); st.State != v1alpha1.StepSucceeded || len(s.deadReasons()) != 0 {
		t.Fatalf("the step is %s, dead letters %v", st.State, s.deadReasons())
	}
	if got := s.commands("b"); !slices.Equal(got, []string{"charge/forward/1/1"}) {
		t.Fatalf("b was asked %v", got)
	}
}

// G2: a manager that still believes to lead decides on an old copy that time has run out; the other has the answer already.
func TestADecisionOnAnOldCopyIsNotStored(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(patient("x"))
	old := s.get("x")
	other := *s
	other.restart()
	other.mustReconcile("x")
	other.flush()
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.flush()
	other.now = s.now.Add(minute)
	other.cache = stale{indexed: indexed{s.api}, old: old}
	other.mustReconcile("x")
	other.flush()
	if got := stepNamed(t, s.get("x"), "reserve"); got.State != v1alpha1.StepSucceeded || got.Action.Unanswered != 0 {
		t.Fatalf("the old copy's decision was stored: %+v", got.Action)
	}
	s.sameBytes()
}

func TestAReplyThatAnswersNothingStaysUntilItIsKept(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	early, err := wire.DecodeCommand(s.broker.to("a.commands")[0])
	if err != nil {
		t.Fatal(err)
	}
	early.Attempt = 7
	early.ReplyToken = s.keys.Token(early)
	s.deliver(s.replyTo(early, wire.Succeeded, nil))
	s.broker.no = map[string]bool{"test.saga.deadletters": true}
	if _, err := s.reconcile("x"); err == nil || s.unsettled() != 1 {
		t.Fatalf("error %v, %d replies wait", err, s.unsettled())
	}
	s.broker.no = nil
	if s.mustReconcile("x"); s.unsettled() != 0 || !slices.Equal(s.deadReasons(), []string{wire.ReasonNotAsked}) {
		t.Fatalf("%d replies wait, dead letters %v", s.unsettled(), s.deadReasons())
	}
}
