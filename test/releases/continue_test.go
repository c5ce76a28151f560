package releases

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/revision"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// each runs a test for every story of every release.
func each(t *testing.T, test func(*testing.T, *Fixture)) {
	t.Helper()
	versions, err := Versions("testdata")
	if err != nil || len(versions) == 0 {
		t.Fatalf("no release has left fixtures: %v", err)
	}
	for _, version := range versions {
		fixtures, err := Load(filepath.Join("testdata", version))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fixtures {
			t.Run(version+"/"+f.Name, func(t *testing.T) { test(t, f) })
		}
	}
}

// run compiles what the saga runs, as the reconciler does.
func (f *Fixture) run(t *testing.T) (run engine.Run, digest string) {
	t.Helper()
	var spec v1alpha1.SagaDefinitionSpec
	switch {
	case f.Saga.Spec.Definition != nil:
		spec = *f.Saga.Spec.Definition
	case f.Revision != nil:
		var err error
		if spec, err = revision.Spec(f.Revision); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatal("the saga has no definition")
	}
	expressions, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := program.NewCache(expressions).Recompile(spec)
	if err != nil {
		t.Fatalf("what could run does not compile any more: %v", err)
	}
	id, err := program.Identity(Installation, f.Saga)
	if err != nil {
		t.Fatal(err)
	}
	return compiled.For(id), program.InputDigest(compiled.Digest, id)
}

func (f *Fixture) started() bool { return f.Saga.Status.StartTime != nil }

func TestWhatAReleaseStartedCountsAsUnchanged(t *testing.T) {
	each(t, func(t *testing.T, f *Fixture) {
		if !f.started() {
			t.Skip("it had not started")
		}
		if _, digest := f.run(t); digest != f.Saga.Status.InputDigest {
			t.Errorf("the digest is %s now, and was %s: the saga would stop as SpecChanged", digest, f.Saga.Status.InputDigest)
		}
	})
}

func TestWhatIsInFlightIsSentAgainAsItWas(t *testing.T) {
	each(t, func(t *testing.T, f *Fixture) {
		if !f.started() {
			t.Skip("it had not started")
		}
		sent := map[string]Message{}
		for _, m := range f.Sent {
			sent[m.Headers[wire.HeaderID]] = m
		}
		for _, now := range f.pending(t) {
			before, found := sent[now.Headers[wire.HeaderID]]
			switch {
			case !found && f.Name == "publishing": // its topic did not exist
			case !found:
				t.Errorf("%s was never sent before", now.Headers[wire.HeaderID])
			case !now.Same(before):
				t.Errorf("what is sent again is not what was sent:\n%+v\n%+v", now, before)
			}
		}
	})
}

// pending are the messages that the present code would send.
func (f *Fixture) pending(t *testing.T) []Message {
	t.Helper()
	run, _ := f.run(t)
	id, err := program.Identity(Installation, f.Saga)
	if err != nil {
		t.Fatal(err)
	}
	encoder := newEncoder(t)
	commands, err := run.Pending(f.Saga.Status.SagaState)
	if err != nil {
		t.Fatal(err)
	}
	var all []Message
	for _, c := range commands {
		encoded, err := encoder.Command(id, c, f.topics(t, c.Participant))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, messageOf(encoded.Message))
	}
	return all
}

func newEncoder(t *testing.T) outbound.Encoder {
	t.Helper()
	secret, err := wire.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := wire.NewKeyring(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	return outbound.Encoder{Installation: Installation, Keys: keys, ReplyPartition: func(string) (int32, error) { return 0, nil }}
}

func (f *Fixture) topics(t *testing.T, participant string) v1alpha1.ParticipantTopics {
	t.Helper()
	for _, p := range f.Participants {
		if p.Name == participant {
			return p.Spec.Topics
		}
	}
	t.Fatalf("participant %s is not among the stored objects", participant)
	return v1alpha1.ParticipantTopics{}
}

func messageOf(m wire.Message) Message {
	out := Message{Topic: m.Topic, Key: string(m.Key), Value: string(m.Value), Headers: map[string]string{}}
	for _, h := range m.Headers {
		if Stable(h.Key) {
			out.Headers[h.Key] = string(h.Value)
		}
	}
	return out
}

func TestTheEndIsAnnouncedAgainAsItWas(t *testing.T) {
	announced := 0
	each(t, func(t *testing.T, f *Fixture) {
		if !f.started() {
			t.Skip("it had not started")
		}
		announcement, due := engine.Announce(f.Saga.Status.SagaState)
		id, err := program.Identity(Installation, f.Saga)
		if err != nil {
			t.Fatal(err)
		}
		if !due {
			return
		}
		encoded, err := newEncoder(t).Announcement(id, f.Saga, announcement)
		if err != nil {
			t.Fatal(err)
		}
		now := messageOf(encoded.Message)
		for _, before := range f.Sent {
			if before.Headers[wire.HeaderID] == now.Headers[wire.HeaderID] {
				announced++
				if !now.Same(before) {
					t.Errorf("what is announced again is not what was announced:\n%+v\n%+v", now, before)
				}
			}
		}
	})
	if announced == 0 {
		t.Error("no fixture has an end that was announced")
	}
}

func TestEveryStoryIsContinuedToItsEnd(t *testing.T) {
	each(t, func(t *testing.T, f *Fixture) {
		if f.Ends == v1alpha1.PhaseRejected {
			if f.Saga.Status.Phase != v1alpha1.PhaseRejected {
				t.Errorf("it is %s", f.Saga.Status.Phase)
			}
			return
		}
		run, digest := f.run(t)
		state, now := f.Saga.Status.SagaState, f.Saga.CreationTimestamp.Add(time.Minute)
		for turns := 0; state.EndTime == nil; turns++ {
			if turns == 100 {
				t.Fatalf("it does not end: %+v", state)
			}
			events, next := whatHappens(t, run, state, digest, now)
			now = next
			var verdicts []engine.Verdict
			state, verdicts = run.Next(state, now, events)
			if slices.Contains(verdicts, engine.Unheard) || slices.Contains(verdicts, engine.Late) {
				t.Fatalf("events %+v: verdicts %v", events, verdicts)
			}
		}
		summary := engine.Summarize(run.Program, state, engine.Facts{Now: now, Acceptance: engine.Acceptance{Status: metav1.ConditionTrue}})
		if summary.Phase != f.Ends {
			t.Errorf("it ends as %s instead of %s: %+v", summary.Phase, f.Ends, state)
		}
	})
}

// whatHappens answers everything that the saga has asked, decides whatever a person has to, and waits until it asks again.
func whatHappens(t *testing.T, run engine.Run, state engine.State, digest string, now time.Time) ([]engine.Event, time.Time) {
	t.Helper()
	if state.StartTime == nil {
		return []engine.Event{engine.Started{InputDigest: digest}}, now
	}
	commands, err := run.Pending(state)
	if err != nil {
		t.Fatal(err)
	}
	var events []engine.Event
	for _, c := range commands {
		if c.Publish {
			events = append(events, engine.Published{Step: c.Step})
			continue
		}
		events = append(events, engine.Replied{Step: c.Step, Direction: c.Direction, Round: c.Round, Attempt: c.Attempt,
			Outcome: engine.Succeeded, Body: []byte(`{"answer":"late"}`)})
	}
	events = append(events, decisions(state)...)
	for _, timer := range run.Timers(state) {
		if timer.Kind == engine.TimerBackoff {
			events = append(events, engine.Fired{Timer: timer})
			if now.Before(timer.At) {
				now = timer.At
			}
		}
	}
	return events, now
}

func decisions(state engine.State) []engine.Event {
	var events []engine.Event
	if state.SuspendTime != nil {
		events = append(events, engine.Asked{Request: engine.Resume})
	}
	for _, st := range state.Steps {
		switch {
		case st.State != v1alpha1.StepNeedsIntervention:
		case st.Action != nil && st.Action.Code == v1alpha1.CodeKeyUsed:
			events = append(events, engine.Asked{Request: engine.Abort})
		default:
			events = append(events, engine.Resolve{Resolution: v1alpha1.Resolution{
				Step: st.Name, Decision: st.Decision, Action: v1alpha1.ResolutionRetry, By: "a person", Reason: "the test"}})
		}
	}
	return events
}

func TestAFixtureIsNeverChanged(t *testing.T) {
	fixtures, err := Load(filepath.Join("testdata", "v0.1.0"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := fixtures[0].Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := fixtures[0].Write(dir); !errors.Is(err, errExists) {
		t.Errorf("writing it a second time: %v", err)
	}
}
