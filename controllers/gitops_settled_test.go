package controllers

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// stubs is the cache as the manager has it: of a settled saga it keeps only what its last duties need.
func (s *sagas) stubs() client.Client {
	return interceptor.NewClient(indexed{s.api}, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := c.Get(ctx, key, o, opts...); err != nil {
				return err
			}
			saga, ok := o.(*v1alpha1.Saga)
			if !ok {
				return nil
			}
			kept, err := SagaCacheTransform(saga.DeepCopy())
			if err != nil {
				return err
			}
			kept.(*v1alpha1.Saga).DeepCopyInto(saga)
			return nil
		},
	})
}

// settle visits a saga until its end is announced and its finalizer gone.
func (s *sagas) settle(name string) *v1alpha1.Saga {
	s.t.Helper()
	for range 3 {
		s.mustReconcile(name)
		s.flush()
	}
	saga := s.get(name)
	if !final(saga.Status.Phase) || hasFinalizer(saga) {
		s.t.Fatalf("%s is not settled: phase %s, finalizers %v", name, saga.Status.Phase, saga.Finalizers)
	}
	return saga
}

// ends are sagas of every final phase, each brought to its end.
var ends = map[v1alpha1.SagaPhase]func(*sagas) *v1alpha1.Saga{
	v1alpha1.PhaseCompleted: func(s *sagas) *v1alpha1.Saga {
		s.start(twoSteps("x"))
		s.says("x", "a", wire.Succeeded, nil)
		s.says("x", "b", wire.Succeeded, nil)
		return s.settle("x")
	},
	v1alpha1.PhaseCompensated: func(s *sagas) *v1alpha1.Saga {
		s.start(twoSteps("x"))
		s.says("x", "a", wire.Succeeded, nil)
		s.says("x", "b", wire.Failed, declined)
		s.says("x", "a", wire.Succeeded, nil)
		return s.settle("x")
	},
	v1alpha1.PhaseRejected: func(s *sagas) *v1alpha1.Saga {
		saga := twoSteps("x")
		saga.Spec.Params = raw(`[1]`)
		s.start(saga)
		return s.settle("x")
	},
}

var declined = wire.Failure{Code: "CARD_DECLINED", Message: "Card declined"}

// says answers the last command of a participant, and lets the saga go on.
func (s *sagas) says(name, participant string, outcome wire.Outcome, body any) {
	s.t.Helper()
	s.answer(participant, outcome, body)
	s.mustReconcile(name)
	s.flush()
}

func TestAChangeOfASettledSagaIsSeenAndChangesNothing(t *testing.T) {
	for phase, end := range ends {
		t.Run(string(phase), func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			ended := end(s)
			if ended.Status.Phase != phase {
				t.Fatalf("phase %s", ended.Status.Phase)
			}
			sent := len(s.broker.sent)
			ended.Spec.Abort = true
			if err := s.api.Update(t.Context(), ended); err != nil {
				t.Fatal(err)
			}
			s.cache = s.stubs()
			s.mustReconcile("x")
			s.flush()
			seen := s.get("x")
			if seen.Status.ObservedGeneration != seen.Generation || seen.Status.Phase != phase || len(s.broker.sent) != sent {
				t.Fatalf("generation %d, observed %d, phase %s, %d more messages",
					seen.Generation, seen.Status.ObservedGeneration, seen.Status.Phase, len(s.broker.sent)-sent)
			}
			for _, c := range seen.Status.Conditions {
				if c.ObservedGeneration != seen.Generation {
					t.Errorf("condition %s is of generation %d", c.Type, c.ObservedGeneration)
				}
			}
			s.mustReconcile("x")
			if again := s.get("x"); again.ResourceVersion != seen.ResourceVersion {
				t.Error("it is written again although nothing has changed since")
			}
		})
	}
}

func TestAConditionOfTheSchemaGivesWayWithItsTime(t *testing.T) {
	c := newCatalogue(t)
	c.define("order") // of a participant that is not there: its conditions stay Unknown
	c.reconcile(c.definitions(), "order")
	for _, condition := range c.expect("order", metav1.ConditionUnknown, v1alpha1.ReasonParticipantNotFound).Status.Conditions {
		if condition.LastTransitionTime.Unix() <= 0 {
			t.Errorf("condition %s dates from %s", condition.Type, condition.LastTransitionTime)
		}
	}
}
