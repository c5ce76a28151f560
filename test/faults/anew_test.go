package faults

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// await waits until a saga is as wanted.
func await(t *testing.T, s *stage.Stage, name, what string, holds func(*v1alpha1.Saga) bool) {
	t.Helper()
	var last *v1alpha1.Saga
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if last = get(t, s, name); holds(last) {
			return
		}
	}
	shown, _ := json.MarshalIndent(last.Status, "", " ")
	t.Fatalf("waiting for %s to be %s: %s", name, what, shown)
}

func inPhase(phase v1alpha1.SagaPhase) func(*v1alpha1.Saga) bool {
	return func(saga *v1alpha1.Saga) bool { return saga.Status.Phase == phase }
}

func waitsAsKeyUsed(saga *v1alpha1.Saga) bool {
	stalled := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionStalled)
	return saga.Status.Phase == v1alpha1.PhaseNeedsIntervention && stalled != nil && stalled.Reason == v1alpha1.ReasonKeyUsed
}

func patch(t *testing.T, s *stage.Stage, name, json string) {
	t.Helper()
	saga := get(t, s, name)
	if err := s.Client.Patch(t.Context(), saga, client.RawPatch(types.MergePatchType, []byte(json))); err != nil {
		t.Fatal(err)
	}
}

// effects are the books without the log of commands: what was done and undone.
func effects(t *testing.T, s *stage.Stage) string {
	t.Helper()
	out, failed := s.Books(t.Context(), "-o", "json") // it fails where they are off, and prints them all the same
	var books map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out[:strings.LastIndexByte(out, '}')+1]), &books); err != nil {
		t.Fatalf("%v, %v: %s", err, failed, out)
	}
	if len(books["orders"]) == 0 {
		t.Fatalf("the books have no orders: %s", out)
	}
	return string(books["orders"])
}

func gone(t *testing.T, s *stage.Stage, name string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		err := s.Client.Get(t.Context(), types.NamespacedName{Namespace: stage.Shop, Name: name}, &v1alpha1.Saga{})
		if client.IgnoreNotFound(err) == nil && err != nil {
			return
		}
	}
	t.Fatalf("%s is still there", name)
}

func TestAFinishedSagaThatIsMadeAnewHasNoSecondEffect(t *testing.T) {
	aside(t)
	s := set(t, broker(t), 0)
	if err := s.StartManager("manager", alone...); err != nil {
		t.Fatal(err)
	}
	order := func() *v1alpha1.Saga {
		saga := stage.Order("order-1", false)
		if err := json.Unmarshal([]byte(`{"completed":"0s"}`), &saga.Spec.TTL); err != nil {
			t.Fatal(err)
		}
		return saga
	}
	if err := s.Client.Create(t.Context(), order()); err != nil {
		t.Fatal(err)
	}
	gone(t, s, "order-1") // done, and its ttl is over
	before := effects(t, s)
	if err := s.Client.Create(t.Context(), order()); err != nil {
		t.Fatal(err)
	}
	await(t, s, "order-1", "waiting as KeyUsed", waitsAsKeyUsed)
	if after := effects(t, s); after != before {
		t.Fatalf("the books changed from\n%s\nto\n%s", before, after)
	}
	patch(t, s, "order-1", `{"spec":{"abort":true}}`)
	await(t, s, "order-1", "compensated", inPhase(v1alpha1.PhaseCompensated))
	if after := effects(t, s); after != before {
		t.Fatalf("the abort changed the books from\n%s\nto\n%s", before, after)
	}
}

// lost makes a saga, removes it in the middle without its finalizer's consent, and makes it anew from its manifest.
func lost(t *testing.T, s *stage.Stage, name string) (before string) {
	t.Helper()
	if err := s.Client.Create(t.Context(), stage.Order(name, false)); err != nil {
		t.Fatal(err)
	}
	await(t, s, name, "in its second step", func(saga *v1alpha1.Saga) bool {
		return len(saga.Status.Steps) > 0 && saga.Status.Steps[0].State == v1alpha1.StepSucceeded
	})
	s.Crew.Kill("manager")
	patch(t, s, name, `{"metadata":{"finalizers":null}}`)
	if err := s.Client.Delete(t.Context(), get(t, s, name)); err != nil {
		t.Fatal(err)
	}
	gone(t, s, name)
	time.Sleep(3 * time.Second) // the second step's service ends what it was asked
	before = effects(t, s)
	if err := s.Client.Create(t.Context(), stage.Order(name, false)); err != nil {
		t.Fatal(err)
	}
	if err := s.StartManager("manager", alone...); err != nil {
		t.Fatal(err)
	}
	await(t, s, name, "waiting as KeyUsed", waitsAsKeyUsed)
	if after := effects(t, s); after != before {
		t.Fatalf("the books changed from\n%s\nto\n%s", before, after)
	}
	return before
}

func TestALostSagaThatIsMadeAnewChangesNothingUntilItIsAborted(t *testing.T) {
	aside(t)
	s := set(t, broker(t), time.Second)
	if err := s.StartManager("manager", alone...); err != nil {
		t.Fatal(err)
	}
	before := lost(t, s, "order-1")
	patch(t, s, "order-1", `{"spec":{"abort":true}}`)
	await(t, s, "order-1", "compensated", inPhase(v1alpha1.PhaseCompensated))
	if after := effects(t, s); after != before {
		t.Fatalf("the abort changed the books from\n%s\nto\n%s", before, after)
	}
}

func TestALostSagaThatIsAdoptedEndsWithBalancedBooks(t *testing.T) {
	aside(t)
	s := set(t, broker(t), time.Second)
	if err := s.StartManager("manager", alone...); err != nil {
		t.Fatal(err)
	}
	lost(t, s, "order-1")
	patch(t, s, "order-1", `{"spec":{"adopt":true}}`)
	await(t, s, "order-1", "completed", inPhase(v1alpha1.PhaseCompleted))
	balanced(t, s)
}
