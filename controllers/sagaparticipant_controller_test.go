package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/clockskew"
	"github.com/sagas-dev/saga-operator/internal/topicwatch"
)

func (c *catalogue) participant(name string) *v1alpha1.SagaParticipant {
	c.t.Helper()
	participant := &v1alpha1.SagaParticipant{}
	c.must(c.api.Get(c.t.Context(), c.key(name), participant))
	return participant
}

// settleParticipant reconciles until the finalizer and the status are there.
func (c *catalogue) settleParticipant(name string) {
	c.t.Helper()
	for range 3 {
		c.reconcile(c.participants(), name)
	}
}

func TestAParticipantShowsItsTopicsInOneWritePerChange(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	for i, step := range []struct {
		reason string
		status metav1.ConditionStatus
	}{
		{v1alpha1.ReasonPending, metav1.ConditionUnknown},
		{v1alpha1.ReasonTopicMissing, metav1.ConditionFalse},
		{v1alpha1.ReasonTopicsFound, metav1.ConditionTrue},
		{v1alpha1.ReasonBrokerUnavailable, metav1.ConditionFalse},
		{v1alpha1.ReasonTopicsFound, metav1.ConditionTrue},
	} {
		c.verdict = topicwatch.Verdict{Reason: step.reason, Message: "because of " + step.reason}
		c.settleParticipant("inventory")
		participant := c.participant("inventory")
		for _, kind := range []string{v1alpha1.ConditionTopicsReady, v1alpha1.ConditionReady} {
			got := meta.FindStatusCondition(participant.Status.Conditions, kind)
			if got == nil || got.Status != step.status || got.Reason != step.reason || got.Message != c.verdict.Message || got.ObservedGeneration != participant.Generation {
				t.Errorf("%s is %+v; want %s, %s", kind, got, step.status, step.reason)
			}
		}
		if c.statusWrites != i+1 {
			t.Errorf("%d status writes after %d changes", c.statusWrites, i+1)
		}
	}
	if !controllerutil.ContainsFinalizer(c.participant("inventory"), v1alpha1.FinalizerInUse) {
		t.Error("the finalizer is missing")
	}
}

func TestADeletedParticipantStaysForAsLongAsASagaNeedsIt(t *testing.T) {
	inline := reserving()
	for name, test := range map[string]struct {
		saga  func(c *catalogue, revision string) *v1alpha1.Saga
		stays bool
	}{
		"one that runs": {func(c *catalogue, rev string) *v1alpha1.Saga {
			return c.run("saga-1", "order", rev, v1alpha1.PhaseRunning)
		}, true},
		"one that waits for a person": {func(c *catalogue, rev string) *v1alpha1.Saga {
			return c.run("saga-1", "order", rev, v1alpha1.PhaseNeedsIntervention)
		}, true},
		"one that has not started": {func(c *catalogue, _ string) *v1alpha1.Saga {
			return c.run("saga-1", "order", "", v1alpha1.PhasePending)
		}, true},
		"one that has ended and is not settled": {func(c *catalogue, rev string) *v1alpha1.Saga {
			return c.run("saga-1", "order", rev, v1alpha1.PhaseCompleted, v1alpha1.FinalizerSaga)
		}, true},
		"one whose revision is lost": {func(c *catalogue, _ string) *v1alpha1.Saga {
			return c.run("saga-1", "order", "lost", v1alpha1.PhaseRunning)
		}, true},
		"one with a definition of its own": {func(c *catalogue, _ string) *v1alpha1.Saga {
			saga := &v1alpha1.Saga{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "saga-1"}, Spec: v1alpha1.SagaSpec{Definition: &inline}}
			c.must(c.api.Create(c.t.Context(), saga))
			c.move(saga, "", v1alpha1.PhaseCompensating)
			return saga
		}, true},
		"but not for one that is settled": {func(c *catalogue, rev string) *v1alpha1.Saga {
			return c.run("saga-1", "order", rev, v1alpha1.PhaseCompleted)
		}, false},
		"nor for one without any definition yet": {func(c *catalogue, _ string) *v1alpha1.Saga {
			return c.run("saga-1", "unknown", "", v1alpha1.PhasePending)
		}, false},
		"nor for one that uses others": {func(c *catalogue, _ string) *v1alpha1.Saga {
			c.define("other", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Participant = "payment" })
			return c.run("saga-1", "other", "", v1alpha1.PhasePending)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			participant := c.participate("inventory")
			c.settleParticipant("inventory")
			c.define("order")
			c.reconcile(c.definitions(), "order")
			test.saga(c, c.definition("order").Status.Revision)
			c.must(c.api.Delete(t.Context(), participant))

			if after := c.reconcile(c.participants(), "inventory").RequeueAfter; after <= 0 || after > releaseGrace {
				t.Errorf("looks again after %s; want within the grace of %s", after, releaseGrace)
			}
			c.pastGrace()
			after := c.reconcile(c.participants(), "inventory").RequeueAfter
			if stays := c.exists("inventory", &v1alpha1.SagaParticipant{}); stays != test.stays || stays != (after == lookForUsersEvery) {
				t.Fatalf("stays: %t, looks again after %s; want %t", stays, after, test.stays)
			}
			if test.stays {
				ready := meta.FindStatusCondition(c.participant("inventory").Status.Conditions, v1alpha1.ConditionReady)
				if !strings.Contains(ready.Message, `waits for saga "saga-1"`) {
					t.Errorf("message %q does not name the saga", ready.Message)
				}
			}
		})
	}
}

func TestAClockThatIsAheadLeavesTimeForSagasThatAreBeingStarted(t *testing.T) {
	deleted := metav1.NewTime(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	participant := &v1alpha1.SagaParticipant{ObjectMeta: metav1.ObjectMeta{Name: "inventory", DeletionTimestamp: &deleted}}
	users := sagaUsers{cached: emptyCache{}, live: emptyCache{}, now: func() time.Time { return deleted.Add(clockskew.Bound) }}
	_, after, err := users.look(t.Context(), participant, func(context.Context, *v1alpha1.Saga) (bool, error) { return false, nil })
	if err != nil || after <= 0 {
		t.Errorf("looks again after %s, error %v; want it held: it was deleted a moment ago", after, err)
	}
}

func TestTheLiveListIsReadToItsLastPage(t *testing.T) {
	c := newCatalogue(t)
	participant := c.participate("inventory")
	c.settleParticipant("inventory")
	c.define("order")
	for i := range 4 {
		c.run(fmt.Sprintf("saga-%d", i), "order", "", v1alpha1.PhaseCompleted)
	}
	last := c.run("saga-last", "order", "", v1alpha1.PhaseRunning)
	c.must(c.api.Delete(t.Context(), participant))
	c.pastGrace()
	c.pageSize = 2
	r := &SagaParticipantReconciler{Client: emptyCache{c.counting()}, Live: c.live(), Permitted: c.may, Topics: c, Clock: c.clock}
	c.reconcile(r, "inventory")
	if c.pages != 3 || !c.exists("inventory", &v1alpha1.SagaParticipant{}) {
		t.Errorf("%d pages were read; want 3, and the participant still there", c.pages)
	}
	c.move(last, "", v1alpha1.PhaseCompensated)
	c.reconcile(r, "inventory")
	if c.exists("inventory", &v1alpha1.SagaParticipant{}) {
		t.Error("the participant is still there, though no saga needs it")
	}
}
