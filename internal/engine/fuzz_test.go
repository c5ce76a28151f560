package engine_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// fuzzDefinitions are the shapes that FuzzNext drives: every recovery, publish steps, steps without compensation, inputs
// that cannot be rendered, few attempts and a deadline.
var fuzzDefinitions = []string{
	order + " | deadline=1m",
	"a max=1 | b undomax=1 | c pivot max=1 | d retriable max=2",
	"a none | b undoneeds=b | c pivot needs=a",
	"a | b needs=a | c retriable | d publish retriable needs=c",
	"a publish none | b max=2 undomax=2 | deadline=1s",
	"p publish pivot | q retriable max=1",
}

// FuzzNext feeds Next with any events in any order, from participants that keep no contract at all. Next must not panic,
// every write must keep the promises that do not rest on the participants, and the conditions must stay in their table.
func FuzzNext(f *testing.F) {
	f.Add([]byte{0, 0, 10, 20, 30, 40, 50})
	f.Add([]byte{1, 0x00, 0x05, 0x0b, 0x11, 0x17, 0x1d, 0x23, 0x29, 0xff, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1 && len(data) <= 400 {
			drive(t, data)
		}
	})
}

var seeds = flag.Int("seeds", 100, "how many random event sequences TestAnyEventsInAnyOrder plays")

// TestAnyEventsInAnyOrder is FuzzNext without a fuzzer.
func TestAnyEventsInAnyOrder(t *testing.T) {
	for seed := range *seeds {
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		data := make([]byte, 400)
		for i := range data {
			data[i] = byte(random.UintN(256))
		}
		drive(t, data)
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func drive(t *testing.T, data []byte) {
	t.Helper()
	policy := []v1alpha1.KeyUsedPolicy{v1alpha1.KeyUsedWait, v1alpha1.KeyUsedEnd}[data[0]/128]
	def := fuzzDefinitions[int(data[0]%128)%len(fuzzDefinitions)]
	s := tell(t, def, policy)
	saga, err := simulate.NewWorld(morning, nil).Add(definition(t, def), simulate.Greedy{}, engine.Saga{
		UID: "uid-1", Namespace: "shop", Name: "order-1", IdempotencyKey: "test/shop/order-1", OnKeyUsed: policy,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.run = saga.Run
	sent := map[string]string{}
	s.play("start")
	for i := 1; i+2 < len(data); i += 3 {
		s.fuzz(t, saga, sent, data[i], data[i+1], data[i+2])
	}
}

// fuzz makes one decision about one or two events drawn from three bytes.
func (s *story) fuzz(t *testing.T, saga *simulate.Saga, sent map[string]string, kind, which, how byte) {
	t.Helper()
	s.now = s.now.Add(time.Duration(int(how%16)-2) * time.Second)
	events := []engine.Event{s.draw(kind, which, how)}
	if how >= 128 {
		events = append(events, s.draw(which, how, kind))
	}
	before := s.state
	next, got := s.run.Next(before, s.now, events)
	if len(got) != len(events) {
		t.Fatalf("%d verdicts for %d events", len(got), len(events))
	}
	if err := (simulate.Write{Saga: saga, Before: before, After: next, Events: events}).CheckAlways(s.now); err != nil {
		t.Fatalf("after %+v: %v", events, err)
	}
	for i, v := range got {
		if reply, ok := events[i].(engine.Replied); ok && v == engine.Applied && foreign(before, reply) {
			t.Fatalf("a foreign answer was applied: %+v", reply)
		}
	}
	s.state = next
	for _, c := range s.pending() {
		m := simulate.Message{SagaUID: "uid-1", SagaKey: "test/shop/order-1", Command: c}
		if old, ok := sent[m.ID()]; ok && old != m.Bytes() {
			t.Fatalf("one id, two messages: %s\n%s\n%s", m.ID(), old, m.Bytes())
		}
		sent[m.ID()] = m.Bytes()
	}
}

// foreign says whether a reply answers nothing that was asked, or another round than the current one.
func foreign(s engine.State, r engine.Replied) bool {
	for i := range s.Steps {
		x := s.Steps[i].Action
		if r.Direction == engine.Backward {
			x = s.Steps[i].Compensation
		}
		if s.Steps[i].Name == r.Step && x != nil {
			return r.Round != x.Round || r.Attempt < 1 || r.Attempt > x.Attempt || s.EndTime != nil
		}
	}
	return true
}

var fuzzBodies = [][]byte{nil, []byte(`{"code":"KeyUsed"}`), []byte(`{"code":"Undone"}`), []byte(`no`), []byte(`{"id":1,"retryAfter":3}`), []byte(`{"code":7}`)}

func (s *story) draw(kind, which, how byte) engine.Event {
	st := &s.state.Steps[int(which)%len(s.state.Steps)]
	dir, x := engine.Forward, st.Action
	if which >= 128 {
		dir, x = engine.Backward, st.Compensation
	}
	timer := engine.Timer{Step: st.Name, Direction: dir, Round: int32(how % 3), Attempt: int32(how % 4)}
	if x != nil && how%8 > 1 {
		timer.Round, timer.Attempt = x.Round, x.Attempt-int32(how%8/6)
	}
	switch kind % 12 {
	case 0, 1, 2, 3:
		outcome := []engine.Outcome{engine.Succeeded, engine.Failed, engine.Retry, engine.Succeeded, "maybe"}[how%5]
		return engine.Replied{Step: st.Name, Direction: dir, Round: timer.Round, Attempt: timer.Attempt, Outcome: outcome, Body: fuzzBodies[int(kind/12)%len(fuzzBodies)]}
	case 4, 5:
		timer.Kind = engine.TimerAttempt
		return engine.Fired{Timer: timer}
	case 6, 7:
		timer.Kind = engine.TimerBackoff
		return engine.Fired{Timer: timer}
	case 8:
		return engine.Fired{Timer: engine.Timer{Kind: engine.TimerDeadline}}
	case 9:
		return engine.Published{Step: st.Name, Intervention: int32(how % 4)}
	case 10:
		action := []v1alpha1.ResolutionAction{v1alpha1.ResolutionRetry, v1alpha1.ResolutionSkip, v1alpha1.ResolutionMarkDone, v1alpha1.ResolutionCompensate}[how%4]
		return engine.Resolve{Resolution: v1alpha1.Resolution{Step: st.Name, Decision: st.Decision, Action: action}}
	default:
		return engine.Asked{Request: []engine.Request{engine.Suspend, engine.Resume, engine.Abort, engine.Adopt, engine.Delete, engine.Resume}[how%6]}
	}
}
