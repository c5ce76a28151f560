package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// gone says whether the API server has no such saga.
func (s *sagas) gone(name string) bool {
	s.t.Helper()
	err := s.api.Get(s.t.Context(), s.key(name), &v1alpha1.Saga{})
	if client.IgnoreNotFound(err) != nil {
		s.t.Fatal(err)
	}
	return err != nil
}

func TestASagaThatIsSuspendedBeforeItsStartAsksNothingUntilItIsResumed(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.Suspend = true
	saga.Spec.Definition.Deadline = &metav1.Duration{Duration: minute}
	s.start(saga)
	before := s.get("x").ResourceVersion
	s.pass("x", 10*time.Second)
	s.now = s.now.Add(2 * minute)
	s.mustReconcile("x")
	if got := s.get("x"); len(s.commands("a")) != 0 || got.ResourceVersion != before {
		t.Fatalf("a was asked %v while suspended, status %+v", s.commands("a"), got.Status)
	}
	resumed := s.get("x")
	resumed.Spec.Suspend = false
	if err := s.api.Update(t.Context(), resumed); err != nil {
		t.Fatal(err)
	}
	s.pass("x", 30*time.Second)
	if got := s.commands("a"); !slices.Equal(got, []string{"reserve/forward/1/1"}) || s.get("x").Status.Cause != nil {
		t.Fatalf("a was asked %v, cause %+v", got, s.get("x").Status.Cause)
	}
}

func TestASagaThatIsAbortedBeforeItsStartAsksNothingAndEnds(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.Abort = true
	s.start(saga)
	s.mustReconcile("x")
	if got := s.get("x"); got.Status.Phase != v1alpha1.PhaseCompensated || len(s.commands("a")) != 0 || hasFinalizer(got) {
		t.Fatalf("phase %s, a was asked %v, finalizers %v", got.Status.Phase, s.commands("a"), got.Finalizers)
	}
}

func TestASagaThatIsDeletedBeforeItsStartGoesAndAnnouncesNothing(t *testing.T) {
	s := newSagas(t) // without participants it waits
	saga := twoSteps("x")
	saga.Finalizers = []string{v1alpha1.FinalizerSaga} // as a trigger makes it
	s.start(saga)
	if err := s.api.Delete(t.Context(), s.get("x")); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("x")
	s.flush()
	if !s.gone("x") || len(s.broker.sent) != 0 {
		t.Fatalf("gone: %t, %d messages were sent", s.gone("x"), len(s.broker.sent))
	}
}

func TestWhatAnOwnerOrAGitToolManagesOutlivesItsTTL(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*v1alpha1.Saga)
		stays  bool
	}{
		"nobody manages it": {func(*v1alpha1.Saga) {}, false},
		"an owner": {func(s *v1alpha1.Saga) {
			s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "o", UID: "1"}}
		}, true},
		"Flux": {func(s *v1alpha1.Saga) { s.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "shop"} }, true},
		"Argo CD": {func(s *v1alpha1.Saga) {
			s.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop"}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSagas(t)
			saga := twoSteps("x")
			saga.Spec.Params = raw(`[1]`) // rejected at once
			c.change(saga)
			s.start(saga)
			if s.mustReconcile("x"); s.gone("x") {
				t.Fatal("it went before its time")
			}
			s.now = s.now.Add(169 * time.Hour)
			if s.mustReconcile("x"); s.gone("x") == c.stays {
				t.Fatalf("gone: %t", s.gone("x"))
			}
		})
	}
}

func TestAnEndThatCannotBeAnnouncedKeepsTheSaga(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.Definition.Steps = saga.Spec.Definition.Steps[:1]
	s.start(saga)
	s.broker.no = map[string]bool{"test.saga.outcomes": true}
	s.answer("a", wire.Succeeded, nil)
	for range 3 {
		s.mustReconcile("x")
		s.flush()
		s.now = s.now.Add(2 * time.Hour)
	}
	if !hasFinalizer(s.get("x")) {
		t.Fatal("settled although nobody was told")
	}
	s.broker.no = nil
	s.flush()
	if s.mustReconcile("x"); !s.gone("x") { // its ttl is over as well
		t.Fatal("the saga stays after its end was announced")
	}
	if n := len(s.broker.to("test.saga.outcomes")); n != 1 {
		t.Fatalf("announced %d times", n)
	}
}

func TestAClockThatGoesBackDecidesNothingTwice(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(patient("x"))
	s.now = s.now.Add(-3 * time.Second)
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.flush()
	status := s.get("x").Status
	if at := stepNamed(t, s.get("x"), "charge").Action.StartTime; at.Before(status.StartTime) {
		t.Fatalf("the second step started at %s, the saga at %s", at, status.StartTime)
	}
	if result := s.mustReconcile("x"); result.RequeueAfter < 29*time.Second || result.RequeueAfter > 33*time.Second { // readable since 3 s from now
		t.Fatalf("looked at again after %s", result.RequeueAfter)
	}
	if got := s.commands("b"); !slices.Equal(got, []string{"charge/forward/1/1"}) {
		t.Fatalf("b was asked %v", got)
	}
}

// sameBytes fails where one id was sent with other bytes, apart from what may differ.
func (s *sagas) sameBytes() {
	s.t.Helper()
	first := map[string]wire.Message{}
	for _, m := range s.broker.sent {
		id := header(m, wire.HeaderID)
		m.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h wire.Header) bool { return h.Key == wire.HeaderReplyPartition })
		before, ok := first[id]
		if !ok {
			first[id] = m
		} else if string(before.Value) != string(m.Value) || string(before.Key) != string(m.Key) || !sameHeaders(before, m) {
			s.t.Errorf("id %s carries other bytes:\n%s %s\n%s %s", id, before.Headers, before.Value, m.Headers, m.Value)
		}
	}
}

func TestRepliesToTheOldPartitionAreHeardWhenTheTopicHasGrown(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.restart()
	s.r.Encoder.ReplyPartition = func(string) (int32, error) { return kafka.PartitionOf("x", 7) }
	s.mustReconcile("x")
	s.flush()
	s.sameBytes()
	first, err := wire.DecodeCommand(s.broker.to("a.commands")[0])
	if err != nil {
		t.Fatal(err)
	}
	s.deliver(s.replyTo(first, wire.Succeeded, nil))
	s.mustReconcile("x")
	if st := stepNamed(t, s.get("x"), "reserve"); st.State != v1alpha1.StepSucceeded {
		t.Fatalf("the step is %s", st.State)
	}
}

// G2: two managers that both believe to lead, each with an old copy at times, send the same bytes or nothing.
func TestTwoManagersNeverDecideDifferently(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	other := *s
	other.restart()
	s.create(patient("x"))
	var olds []*v1alpha1.Saga
	visit := func(m *sagas, old *v1alpha1.Saga) {
		m.cache = indexed{m.api}
		if old != nil {
			m.cache = stale{indexed: indexed{m.api}, old: old}
		}
		m.mustReconcile("x")
		m.flush()
		olds = append(olds, s.get("x"))
	}
	both := func() {
		before := s.get("x")
		visit(s, nil)
		visit(&other, before)
		visit(s, olds[max(len(olds)-3, 0)])
		visit(&other, nil)
	}
	both()
	s.now = s.now.Add(40 * time.Second) // both hear silence; the clock of the other lags
	other.now = s.now.Add(-3 * time.Second)
	both()
	both()
	s.answer("a", wire.Succeeded, map[string]string{"id": "r-1"})
	both()
	other.answer("b", wire.Failed, nil) // only the other reads this
	both()
	s.answer("a", wire.Succeeded, nil)
	both()
	s.sameBytes()
	for _, participant := range []string{"a", "b"} {
		got := slices.Compact(slices.Sorted(slices.Values(s.commands(participant))))
		want := map[string][]string{
			"a": {"reserve/backward/1/1", "reserve/forward/1/1"}, "b": {"charge/forward/1/1"},
		}[participant]
		if got = slices.DeleteFunc(got, func(id string) bool { return strings.HasSuffix(id, "/2") }); !slices.Equal(got, want) {
			t.Errorf("%s was asked %v, not %v", participant, got, want)
		}
	}
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseCompensated {
		t.Fatalf("phase is %s", phase)
	}
}

func TestARestartSendsNothingThatIsSettled(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.flush()
	before := len(s.commands("a"))
	s.restart()
	s.mustReconcile("x")
	s.flush()
	if after := s.commands("a"); len(after) != before {
		t.Fatalf("a was asked again: %v", after)
	}
	if got := s.commands("b"); !slices.Equal(got, []string{"charge/forward/1/1", "charge/forward/1/1"}) {
		t.Fatalf("b was asked %v", got)
	}
}

func TestALongMessageIsCutBetweenCharacters(t *testing.T) {
	for n := range 4 {
		if got := bounded(strings.Repeat("x", n) + strings.Repeat("ü€", 1000)); !utf8.ValidString(got) || len(got) > 2010 {
			t.Errorf("%d bytes, valid: %t", len(got), utf8.ValidString(got))
		}
	}
}
