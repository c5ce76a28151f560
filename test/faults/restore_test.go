package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// These tests are docs/restore.md: what is said there about a loss is shown here.

// The deadline of the orders, which is over when the snapshot comes back.
const restoredDeadline = 20 * time.Second

func TestEtcdIsRestoredToAnOlderSnapshotWhileOrdersAreInFlight(t *testing.T) {
	aside(t)
	s := set(t, broker(t), 500*time.Millisecond)
	timed(t, s, restoredDeadline)
	start(t, s)
	snapshot := flyAndSnapshot(t, s)
	goOn(t, s)
	before := quiet(t, s)

	restoreEtcd(t, s, snapshot)
	start(t, s) // as the kubelet does: at once. It waits for a lease of somebody who is gone
	lease(t, s, `{"spec":{"holderIdentity":"restore","leaseDurationSeconds":86400}}`)
	adoptWhatWentForward(t, s)
	lease(t, s, `{"spec":{"holderIdentity":"","leaseDurationSeconds":1}}`)

	await(t, s, "flying-000", "completed", inPhase(v1alpha1.PhaseCompleted))
	for i := range 10 {
		want := v1alpha1.PhaseCompleted
		if declined(i) {
			want = v1alpha1.PhaseCompensated
		}
		await(t, s, fmt.Sprintf("flying-%03d", i), "what it was before the loss", inPhase(want))
	}
	await(t, s, "aborted", "undone again", inPhase(v1alpha1.PhaseCompensated))
	gone(t, s, "pruned")
	after := quiet(t, s)
	for id, books := range before {
		if !strings.HasPrefix(id, "later") && after[id] != books {
			t.Errorf("the books of %s changed from\n%s\nto\n%s", id, books, after[id])
		}
	}
	lostAreFoundAndContinued(t, s, "later", 6)
	whole(t, s)
}

// start starts a manager that leads by lease.
func start(t *testing.T, s *stage.Stage) {
	t.Helper()
	if err := s.StartManager("manager", electing...); err != nil {
		t.Fatal(err)
	}
}

// flyAndSnapshot makes orders and takes etcd's files while they are at their first, second and third step.
func flyAndSnapshot(t *testing.T, s *stage.Stage) (snapshot string) {
	t.Helper()
	order(t, s, "flying-000", "timed", false, time.Hour)
	await(t, s, "flying-000", "in its second step", atSecondStep)
	for i := 1; i < 10; i++ {
		order(t, s, fmt.Sprintf("flying-%03d", i), "timed", declined(i), time.Hour)
		time.Sleep(100 * time.Millisecond) // so that they are at different steps
	}
	order(t, s, "pruned", "timed", false, 0)
	order(t, s, "aborted", "timed", false, time.Hour)
	await(t, s, "aborted", "started", inPhase(v1alpha1.PhaseRunning))
	return snapshotEtcd(t, s)
}

// goOn has happen what the snapshot knows nothing of: orders end, one is aborted, one goes, others are made; their manager dies
// while they are under way, and the deadline passes.
func goOn(t *testing.T, s *stage.Stage) {
	t.Helper()
	taken := time.Now()
	patch(t, s, "aborted", `{"spec":{"abort":true}}`)
	for i := range 10 {
		await(t, s, fmt.Sprintf("flying-%03d", i), "over", over)
	}
	await(t, s, "aborted", "undone", inPhase(v1alpha1.PhaseCompensated))
	gone(t, s, "pruned")
	for i := range 6 {
		order(t, s, fmt.Sprintf("later-%03d", i), "order", declined(i), time.Hour)
	}
	await(t, s, "later-000", "in its second step", atSecondStep)
	s.Crew.Kill("manager")
	time.Sleep(time.Until(taken.Add(restoredDeadline)))
}

// adoptWhatWentForward tells every saga that is restored on its way forward that it may have been further, and checks that the
// snapshot holds what it should.
func adoptWhatWentForward(t *testing.T, s *stage.Stage) {
	t.Helper()
	forward := 0
	restored := sagas(t, s)
	for name, saga := range restored {
		if strings.HasPrefix(name, "later") {
			t.Fatalf("%s is there, which was made after the snapshot", name)
		}
		if saga.Status.Phase == v1alpha1.PhaseRunning || saga.Status.Phase == v1alpha1.PhasePending {
			forward++
			patch(t, s, name, `{"spec":{"adopt":true}}`)
		}
	}
	if _, ok := restored["pruned"]; !ok || forward < 5 {
		t.Fatalf("%d sagas are on their way, pruned is there: %t; too few to show anything", forward, ok)
	}
}

// lostAreFoundAndContinued makes the sagas anew that a restore has lost, as Git would, and adopts them.
func lostAreFoundAndContinued(t *testing.T, s *stage.Stage, prefix string, n int) {
	t.Helper()
	unknown := 0
	for _, dead := range deadLetters(t, s) {
		switch {
		case strings.HasPrefix(dead, "UnknownSaga "+stage.Shop+"/"+prefix):
			unknown++
		case slices.ContainsFunc([]string{"flying-", "aborted", "pruned"}, func(restored string) bool {
			return strings.HasPrefix(dead, "NotAsked "+stage.Shop+"/"+restored)
		}):
			// Stored before the loss, but its position was not committed: it is read again, and the restored saga has yet to ask.
		default:
			t.Errorf("unexpected dead letter: %s", dead)
		}
	}
	if unknown == 0 {
		t.Error("no dead letter tells of the lost sagas whose answers had not been read")
	}
	continueLost(t, s, prefix, n)
}

func continueLost(t *testing.T, s *stage.Stage, prefix string, n int) {
	t.Helper()
	before := quiet(t, s)
	for i := range n {
		order(t, s, fmt.Sprintf("%s-%03d", prefix, i), "order", declined(i), time.Hour)
	}
	adopted := 0
	for i := range n {
		name := fmt.Sprintf("%s-%03d", prefix, i)
		await(t, s, name, "over, or waiting as KeyUsed", func(saga *v1alpha1.Saga) bool { return over(saga) || waitsAsKeyUsed(saga) })
		if waitsAsKeyUsed(new(sagas(t, s)[name])) {
			if now := orderBooks(t, s)[name]; now != before[name] {
				t.Errorf("the books of %s changed before anybody decided, from\n%s\nto\n%s", name, before[name], now)
			}
			adopted++
			patch(t, s, name, `{"spec":{"adopt":true}}`)
		}
	}
	if adopted == 0 {
		t.Error("no saga that was made anew found its key used")
	}
	for i := range n {
		want := v1alpha1.PhaseCompleted
		if declined(i) {
			want = v1alpha1.PhaseCompensated
		}
		await(t, s, fmt.Sprintf("%s-%03d", prefix, i), string(want), inPhase(want))
	}
}

func TestEtcdIsLostAndTheManifestsAreAppliedAgain(t *testing.T) {
	aside(t)
	s := set(t, broker(t), 500*time.Millisecond)
	start(t, s)
	order(t, s, "done", "order", false, time.Hour)
	await(t, s, "done", "completed", inPhase(v1alpha1.PhaseCompleted))
	for i := range 6 {
		order(t, s, fmt.Sprintf("lost-%03d", i), "order", declined(i), time.Hour)
	}
	await(t, s, "lost-000", "in its second step", atSecondStep)
	manifests := gitHas(t, s)
	s.Crew.Kill("manager")

	restoreEtcd(t, s, "")
	apply(t, s, manifests)
	start(t, s)
	continueLost(t, s, "lost", 6)
	before := orderBooks(t, s)
	order(t, s, "done", "order", false, time.Hour)
	await(t, s, "done", "waiting as KeyUsed", waitsAsKeyUsed)
	patch(t, s, "done", `{"spec":{"abort":true}}`)
	await(t, s, "done", "ended with nothing undone", inPhase(v1alpha1.PhaseCompensated))
	if after := orderBooks(t, s); after["done"] != before["done"] || !strings.Contains(after["done"], `"complete"`) {
		t.Errorf("the abort changed the books from\n%s\nto\n%s", before["done"], after["done"])
	}
	whole(t, s)
}
