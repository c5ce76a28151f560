package trigger

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

var (
	noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	shop = types.NamespacedName{Namespace: "shop", Name: "placed"}
)

// desk is a census whose clock the test moves.
type desk struct {
	*Census
	now  time.Time
	left int
}

func newDesk() *desk {
	d := &desk{now: noon}
	d.Census = NewCensus(func() time.Time { return d.now }, func(types.NamespacedName) { d.left++ })
	return d
}

func sagaIn(phase v1alpha1.SagaPhase, name string, uid types.UID) *v1alpha1.Saga {
	return &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uid, Labels: map[string]string{v1alpha1.LabelTrigger: "placed"}},
		Status:     v1alpha1.SagaStatus{Phase: phase},
	}
}

func called(name string) member {
	return member{NamespacedName: types.NamespacedName{Namespace: "shop", Name: name}}
}

func TestASagaCountsFromBeforeItIsMadeUntilItHasEnded(t *testing.T) {
	d := newDesk()
	step := func(what string, active int) {
		t.Helper()
		if got := d.Active(shop); got != active {
			t.Errorf("%s: %d are active, want %d", what, got, active)
		}
	}
	if got := d.enter(shop, called("a"), 1); got != roomTaken {
		t.Fatalf("no room: %v", got)
	}
	step("about to be made", 1)
	if d.enter(shop, called("b"), 1) != roomNone {
		t.Error("there is room for a second, though one is the most")
	}
	d.confirm(shop, called("a"), "1")
	step("made", 1)
	if d.enter(shop, called("a"), 1) != roomKnown {
		t.Error("what was made is not known")
	}
	d.observe(sagaIn(v1alpha1.PhaseRunning, "a", "1"), false)
	step("seen", 1)
	d.observe(sagaIn(v1alpha1.PhaseNeedsIntervention, "a", "1"), false)
	step("waiting for a person", 1)
	d.observe(sagaIn(v1alpha1.PhaseCompleted, "a", "1"), false)
	step("ended", 0)
	if d.left != 1 {
		t.Errorf("told %d times that there is room, want once", d.left)
	}
	d.observe(sagaIn(v1alpha1.PhaseCompleted, "a", "1"), true)
	step("gone", 0)
}

func TestASagaThatEndsBeforeItsMakerHearsOfItCountsNoLonger(t *testing.T) {
	d := newDesk()
	d.enter(shop, called("a"), 1)
	d.observe(sagaIn(v1alpha1.PhaseCompleted, "a", "1"), true)
	if d.Active(shop) != 1 {
		t.Error("an earlier saga of that name may have ended: this one still counts")
	}
	d.confirm(shop, called("a"), "1")
	if d.Active(shop) != 0 {
		t.Error("it has ended, and counts")
	}
}

func TestAnEarlierSagaOfTheNameDoesNotFreeThePlaceOfTheNext(t *testing.T) {
	d := newDesk()
	d.enter(shop, called("a"), 1)
	d.confirm(shop, called("a"), "2")
	d.observe(sagaIn(v1alpha1.PhaseCompleted, "a", "1"), true)
	if d.Active(shop) != 1 {
		t.Error("the end of the first has freed the second's place")
	}
}

func TestAPlaceIsGivenBackWhereNothingWasMade(t *testing.T) {
	d := newDesk()
	d.enter(shop, called("a"), 1)
	d.leave(shop, called("a"))
	d.leave(shop, called("a"))
	if d.Active(shop) != 0 || d.left != 1 {
		t.Errorf("%d are active, told %d times", d.Active(shop), d.left)
	}
}

func TestWhatTheCacheNeverShowsIsLookedForLater(t *testing.T) {
	d := newDesk()
	d.enter(shop, called("made"), 9)
	d.confirm(shop, called("made"), "1")
	d.enter(shop, called("asked"), 9) // and nobody has heard of it since
	d.now = noon.Add(time.Minute)
	if got := d.unseen(shop, time.Second); len(got) != 1 || got[0] != called("made") {
		t.Errorf("looked for %v; want what was made, and not what is being made", got)
	}
	d.abandon(shop)
	d.now = noon.Add(2 * time.Minute)
	if got := d.unseen(shop, time.Second); len(got) != 2 {
		t.Errorf("looked for %v; want both", got)
	}
	if got := d.unseen(shop, time.Second); len(got) != 0 {
		t.Errorf("looked for %v again at once", got)
	}
	if d.enter(shop, called("asked"), 9) != roomTaken || d.Active(shop) != 2 {
		t.Error("what was abandoned cannot be made in the place that it has")
	}
}

func TestOrdersAndSagasOfOneNameAreTwo(t *testing.T) {
	d := newDesk()
	d.observe(sagaIn(v1alpha1.PhaseRunning, "a", "1"), false)
	d.observe(&v1alpha1.OrderWorkflow{ObjectMeta: sagaIn("", "a", "2").ObjectMeta, Status: v1alpha1.OrderWorkflowStatus{Phase: v1alpha1.OrderProcessing}}, false)
	if d.Active(shop) != 2 {
		t.Errorf("%d are active, want 2", d.Active(shop))
	}
	d.observe(&v1alpha1.OrderWorkflow{ObjectMeta: sagaIn("", "a", "2").ObjectMeta, Status: v1alpha1.OrderWorkflowStatus{Phase: v1alpha1.OrderRejected}}, false)
	if d.Active(shop) != 1 {
		t.Errorf("%d are active, want 1", d.Active(shop))
	}
}

func TestWhatASurveyFindsCountsOnceAndNotAfterItsEnd(t *testing.T) {
	d := newDesk()
	d.observe(sagaIn(v1alpha1.PhaseRunning, "seen", "1"), false)
	d.enter(shop, called("making"), 9)
	d.survey(shop)
	d.observe(sagaIn(v1alpha1.PhaseCompleted, "ended", "3"), false)
	d.observe(sagaIn(v1alpha1.PhaseRunning, "gone", "4"), true)
	d.surveyed(shop, map[member]types.UID{
		called("seen"): "1", called("making"): "2", called("ended"): "3", called("gone"): "4", called("hidden"): "5",
	})
	if d.Active(shop) != 3 {
		t.Errorf("%d are active; want what is seen, what is being made and what the cache does not show", d.Active(shop))
	}
	if d.enter(shop, called("hidden"), 9) != roomKnown {
		t.Error("what the survey has found is not known")
	}
	d.observe(sagaIn(v1alpha1.PhaseCompleted, "hidden", "5"), false)
	if d.Active(shop) != 2 || d.left != 1 {
		t.Errorf("%d are active, told %d times", d.Active(shop), d.left)
	}
}

func TestASurveySelectsWhatHasNotEnded(t *testing.T) {
	for _, phase := range []v1alpha1.SagaPhase{
		"", v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating, v1alpha1.PhaseNeedsIntervention,
		v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseRejected,
	} {
		if got := unfinished(finalPhases).Matches(fields.Set{"status.phase": string(phase)}); got == ended(sagaIn(phase, "a", "1")) {
			t.Errorf("a saga in phase %q is selected: %v", phase, got)
		}
	}
	for _, phase := range []v1alpha1.OrderPhase{
		"", v1alpha1.OrderPending, v1alpha1.OrderProcessing, v1alpha1.OrderNeedsAttention,
		v1alpha1.OrderCompleted, v1alpha1.OrderCancelled, v1alpha1.OrderRejected,
	} {
		o := &v1alpha1.OrderWorkflow{Status: v1alpha1.OrderWorkflowStatus{Phase: phase}}
		if got := unfinished(finalOrders).Matches(fields.Set{"status.phase": string(phase)}); got == ended(o) {
			t.Errorf("an order in phase %q is selected: %v", phase, got)
		}
	}
}
