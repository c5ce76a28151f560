package controllers

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// permitting is a policy that lets a namespace name topics that begin so.
func permitting(t *testing.T, namespace string, prefixes ...string) topicpolicy.Policy {
	t.Helper()
	p, err := topicpolicy.Parse([]byte(`{"rules": [{"namespaces": ["` + namespace + `"], "topicPrefixes": ["` + strings.Join(prefixes, `","`) + `"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAParticipantIsToldWhichTopicItMayNotName(t *testing.T) {
	for name, test := range map[string]struct {
		may    func(c *catalogue) topicpolicy.Policy
		topics v1alpha1.ParticipantTopics
		want   string // of the message; empty: accepted
	}{
		"a topic that its namespace may name": {
			func(c *catalogue) topicpolicy.Policy { return permitting(t, c.namespace, "shop.") },
			v1alpha1.ParticipantTopics{Commands: "shop.inventory"}, "",
		},
		"another topic": {
			func(c *catalogue) topicpolicy.Policy { return permitting(t, c.namespace, "shop.", "eu.") },
			v1alpha1.ParticipantTopics{Commands: "bank.transfers"}, `Topic "bank.transfers" is not permitted in namespace "NAMESPACE", whose topics begin with eu., shop.`,
		},
		"a topic for events counts as well": {
			func(c *catalogue) topicpolicy.Policy { return permitting(t, c.namespace, "shop.") },
			v1alpha1.ParticipantTopics{Commands: "shop.inventory", Events: "bank.events"}, `Topic "bank.events" is not permitted`,
		},
		"what is permitted to others": {
			func(*catalogue) topicpolicy.Policy { return permitting(t, "other", "shop.") },
			v1alpha1.ParticipantTopics{Commands: "shop.inventory"}, `in namespace "NAMESPACE", whose topics nobody has permitted yet`,
		},
		"the operator's own replies, whoever permits them": {
			func(*catalogue) topicpolicy.Policy { return topicpolicy.AllowAll() },
			v1alpha1.ParticipantTopics{Commands: "default.saga.replies"}, `Topic "default.saga.replies" is an operator's own or Kafka's`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			c.may = test.may(c)
			participant := &v1alpha1.SagaParticipant{
				ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "inventory"}, Spec: v1alpha1.SagaParticipantSpec{Topics: test.topics},
			}
			c.must(c.api.Create(t.Context(), participant))
			c.settleParticipant("inventory")
			want, reason, topics := metav1.ConditionTrue, v1alpha1.ReasonAccepted, v1alpha1.ReasonTopicsFound
			if test.want != "" {
				want, reason, topics = metav1.ConditionFalse, v1alpha1.ReasonTopicNotPermitted, v1alpha1.ReasonTopicNotPermitted
			}
			conditions := c.participant("inventory").Status.Conditions
			accepted := meta.FindStatusCondition(conditions, v1alpha1.ConditionAccepted)
			if message := strings.ReplaceAll(test.want, "NAMESPACE", c.namespace); accepted.Status != want || accepted.Reason != reason || !strings.Contains(accepted.Message, message) {
				t.Errorf("Accepted is %+v; want %s, %s, %q", accepted, want, reason, message)
			}
			for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionTopicsReady} {
				if got := meta.FindStatusCondition(conditions, kind); got.Status != want || got.Reason != topics {
					t.Errorf("%s is %+v; want %s, %s", kind, got, want, topics)
				}
			}
			if stalled := meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled); stalled != (test.want != "") {
				t.Errorf("stalled: %t", stalled)
			}
		})
	}
}

func TestADefinitionSaysThatItsParticipantIsNotAccepted(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	c.may = topicpolicy.Policy{}
	c.define("order")
	c.reconcile(c.definitions(), "order")
	accepted := meta.FindStatusCondition(c.definition("order").Status.Conditions, v1alpha1.ConditionAccepted)
	if accepted.Status != metav1.ConditionUnknown || !strings.Contains(accepted.Message, `SagaParticipant "inventory" is not accepted: Topic "inventory.commands"`) {
		t.Errorf("Accepted is %+v", accepted)
	}
}

// isHeld says that a saga waits for a topic to be permitted, where people look.
func (s *sagas) isHeld(name, topic string) {
	s.t.Helper()
	accepted := meta.FindStatusCondition(s.get(name).Status.Conditions, v1alpha1.ConditionAccepted)
	if accepted.Status != metav1.ConditionFalse || accepted.Reason != v1alpha1.ReasonReferencesMissing || !strings.Contains(accepted.Message, `to be accepted: Topic "`+topic+`"`) {
		s.t.Errorf("Accepted is %+v; want a wait for topic %s", accepted, topic)
	}
}

func (s *sagas) isSent(participant string, want ...string) {
	s.t.Helper()
	s.flush()
	if got := s.commands(participant); !slices.Equal(got, want) {
		s.t.Errorf("%s was sent %q; want %q", participant, got, want)
	}
}

func TestANewSagaWaitsForItsParticipantsTopicToBePermitted(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.r.Permitted = permitting(t, s.namespace, "a.")
	s.create(twoSteps("gift"))
	s.mustReconcile("gift")
	s.isSent("a")
	s.isHeld("gift", "b.commands")
	if saga := s.get("gift"); saga.Status.StartTime != nil || saga.Status.Phase != v1alpha1.PhasePending {
		t.Errorf("the saga has started: %+v", saga.Status)
	}
	s.restart() // with a policy that permits it
	s.r.Permitted = permitting(t, s.namespace, "a.", "b.")
	s.mustReconcile("gift")
	s.isSent("a", "reserve/forward/1/1")
}

func TestARunningSagaSendsNothingMoreWhereItMayNot(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("gift"))
	s.mustReconcile("gift")
	s.isSent("a", "reserve/forward/1/1")

	s.r.Permitted = permitting(t, s.namespace, "a.")
	s.answer("a", wire.Succeeded, map[string]any{})
	s.mustReconcile("gift")
	s.isSent("b")
	s.isHeld("gift", "b.commands")
	s.mustReconcile("gift") // and stays so

	s.r.Permitted = topicpolicy.AllowAll()
	s.mustReconcile("gift")
	s.isSent("b", "charge/forward/1/1")
	if saga := s.get("gift"); !meta.IsStatusConditionTrue(saga.Status.Conditions, v1alpha1.ConditionAccepted) {
		t.Errorf("conditions are %+v", saga.Status.Conditions)
	}
}

// TestNoUndoingIsLostWhileATopicIsNotPermitted takes the permission away from a participant that has to undo something: it waits.
func TestNoUndoingIsLostWhileATopicIsNotPermitted(t *testing.T) {
	for name, turnBack := range map[string]func(s *sagas){
		"after a failure": func(s *sagas) { s.answer("b", wire.Failed, map[string]any{"code": "NO"}) },
		"after an abort": func(s *sagas) {
			saga := s.get("gift")
			saga.Spec.Abort = true
			if err := s.api.Update(s.t.Context(), saga); err != nil {
				s.t.Fatal(err)
			}
			s.answer("b", wire.Failed, map[string]any{"code": "NO"}) // what is in flight is waited for
		},
		"after a deletion": func(s *sagas) {
			if err := s.api.Delete(s.t.Context(), s.get("gift")); err != nil {
				s.t.Fatal(err)
			}
			s.answer("b", wire.Failed, map[string]any{"code": "NO"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			s.create(twoSteps("gift"))
			s.mustReconcile("gift")
			s.flush()
			s.answer("a", wire.Succeeded, map[string]any{})
			s.mustReconcile("gift")
			s.isSent("b", "charge/forward/1/1")

			s.r.Permitted = permitting(t, s.namespace, "b.")
			turnBack(s)
			for range 3 {
				s.mustReconcile("gift")
			}
			s.isSent("a", "reserve/forward/1/1")
			s.isHeld("gift", "a.commands")
			if saga := s.get("gift"); saga.Status.Phase != v1alpha1.PhaseCompensating || !hasFinalizer(saga) {
				t.Errorf("phase %s, finalizers %q; want one that is still being undone, and held", saga.Status.Phase, saga.Finalizers)
			}

			s.restart()
			s.mustReconcile("gift")
			s.isSent("a", "reserve/forward/1/1", "reserve/backward/1/1")
			s.answer("a", wire.Succeeded, map[string]any{})
			s.mustReconcile("gift")
			if saga := s.get("gift"); saga.Status.Phase != v1alpha1.PhaseCompensated {
				t.Errorf("phase %s; want it undone", saga.Status.Phase)
			}
		})
	}
}

func TestAnAbortWaitsForWhatIsAskedWhereNothingMayBeSent(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("gift"))
	s.mustReconcile("gift")
	s.flush()
	s.r.Permitted = permitting(t, s.namespace, "a.")
	s.answer("a", wire.Succeeded, map[string]any{})
	s.mustReconcile("gift") // charge is asked, and not sent
	saga := s.get("gift")
	saga.Spec.Abort = true
	if err := s.api.Update(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("gift")
	s.isSent("b")
	s.isSent("a", "reserve/forward/1/1")
	s.isHeld("gift", "b.commands")

	saga = s.get("gift") // whoever will not wait lets it go
	saga.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
	if err := s.api.Update(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	if err := s.api.Delete(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("gift")
	if err := s.api.Get(t.Context(), s.key("gift"), &v1alpha1.Saga{}); err == nil {
		t.Error("the saga is still there")
	}
}
