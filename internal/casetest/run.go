package casetest

import (
	"fmt"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// Result is what came of a case.
type Result struct {
	File, Test, Case string
	End              v1alpha1.SagaPhase
	Took             time.Duration // on the case's clock
	Steps            []v1alpha1.StepStatus
	Outputs          []byte // JSON; nil where there are none
	Sent             []Seen
	Problems         []string // why it failed; none: it passed
	Diff             []string // of expected and seen messages, where they differ
	Trace            []string // what happened, a line each
}

// Passed says whether all that was expected came true.
func (r Result) Passed() bool { return len(r.Problems) == 0 }

// mostTurns bounds a case: a step that is retried without limit and never answered has no end of its own.
const mostTurns = 10_000

// morning is when a case starts that does not say.
var morning = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Run runs the i-th case of the suite. Its error says that the case could not be run at all.
func (s *Suite) Run(i int) (Result, error) {
	k := &s.Cases[i]
	saga, err := s.sagaOf(k)
	if err != nil {
		return Result{}, fmt.Errorf("cases[%d].%w", i, err)
	}
	begin := morning
	if k.Start != nil {
		begin = k.Start.UTC().Truncate(time.Second)
	}
	w := newWorld(begin, NewScript(k.Answers), &s.Def.Spec)
	p := play{world: w, k: k, files: s.Files, observed: map[string]bool{}}
	p.runner, err = local.NewRunner(local.Options{Installation: installation, Clock: w, Outbox: w, Ear: w, Decided: p.decided})
	if err != nil {
		return Result{}, err
	}
	if err := p.play(saga, s.Def.Spec); err != nil {
		return Result{}, fmt.Errorf("cases[%d]: %w", i, err)
	}
	return p.result(s), nil
}

// play is one case at work.
type play struct {
	*world
	runner     *local.Runner
	k          *Case
	files      *manifests.Set
	observed   map[string]bool // steps whose participants have begun to act by themselves
	saga       *local.Saga
	happenings []*happening
	ended      time.Time
}

func (p *play) play(saga *v1alpha1.Saga, def v1alpha1.SagaDefinitionSpec) (err error) {
	if p.saga, err = p.runner.Start(saga, def); err != nil {
		return err
	}
	if p.happenings, err = happeningsOf(p.k, p.files, p.saga.Identity); err != nil {
		return err
	}
	for turns := 0; !p.saga.Ended(); turns++ {
		p.watchMoments()
		if turns == mostTurns {
			p.problem("it has not ended after %d decisions and %s; say until when to look at it (until)", turns, p.now.Sub(p.begin))
			break
		}
		more, err := p.turn()
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	p.ended = p.now
	p.watchMoments()
	return nil
}

// watchMoments schedules what happens at a moment that has come.
func (p *play) watchMoments() {
	for _, h := range p.happenings {
		if p.saga.Ended() || !h.due(p.saga) {
			continue
		}
		h.begun = true
		at := p.now
		if h.At != nil {
			at = p.begin.Add(h.At.Duration)
		}
		p.schedule(at, scheduled{happening: h})
	}
}

// turn goes on to the next thing that happens and takes a decision; false: nothing happens any more.
func (p *play) turn() (bool, error) {
	due, ok := p.runner.Due(p.saga)
	if len(p.queue) > 0 && (!ok || !p.queue[0].at.After(due)) {
		due, ok = p.queue[0].at, true
	}
	if !ok || p.k.Until != nil && due.After(p.begin.Add(p.k.Until.Duration)) {
		return false, nil
	}
	p.now = due
	if len(p.queue) == 0 || p.queue[0].at.After(due) {
		_, err := p.runner.Turn(p.saga)
		return true, err
	}
	next := p.queue[0]
	p.queue = p.queue[1:]
	return true, p.tellSaga(next)
}

// tellSaga lets something happen.
func (p *play) tellSaga(next scheduled) error {
	event, what := next.event, next.what
	if next.happening != nil {
		event = next.happening.event(p)
	}
	if what == "" {
		what = sayEvent(event)
	}
	p.tell("%s", what)
	told := len(p.trace) - 1
	verdicts, err := p.runner.Turn(p.saga, event)
	if err != nil {
		return err
	}
	if _, ok := event.(engine.Occurred); ok && verdicts[0] != engine.Applied {
		p.trace[told] += ", which the saga does not take"
	}
	if next.happening != nil {
		next.happening.done = true
		if wrong := next.happening.told(verdicts[0]); wrong != "" {
			p.problem("%s: %s", next.happening.field, wrong)
		}
	}
	return nil
}

func sayEvent(event engine.Event) string {
	switch e := event.(type) {
	case engine.Occurred:
		return fmt.Sprintf("%s occurs with key %q and data %s", e.Type, e.Key, e.Data)
	case engine.Asked:
		return fmt.Sprintf("%s is asked for", e.Request)
	case engine.Resolve:
		return fmt.Sprintf("%s decides %s about %s", e.By, e.Action, e.Step)
	}
	return fmt.Sprintf("%T", event)
}

// decided notes what has become of the saga and of its steps.
func (p *play) decided(s *local.Saga) {
	p.note(s)
	p.observe(s)
}

func (w *world) note(s *local.Saga) {
	for _, step := range s.State().Steps {
		before := w.stepStates[step.Name]
		w.stepStates[step.Name] = step.State
		switch step.State {
		case v1alpha1.StepNotStarted, v1alpha1.StepRunning, v1alpha1.StepCompensating, v1alpha1.StepSucceeded, before:
		default:
			w.tell("%s is %s%s", step.Name, step.State, failureOf(step))
		}
	}
	if phase := s.Phase(); phase != w.phase {
		w.phase = phase
		w.tell("the saga is %s%s", phase, because(s))
	}
}

// failureOf is the last failure of a step, for people.
func failureOf(step v1alpha1.StepStatus) string {
	x := step.Action
	if step.Compensation != nil {
		x = step.Compensation
	}
	if x == nil || x.Code == "" {
		return ""
	}
	return ": " + words(x.Code, x.Message)
}

func because(s *local.Saga) string {
	if reason, message := s.Rejection(); reason != "" {
		return fmt.Sprintf(": %s, %s", reason, message)
	}
	if cause := s.State().Cause; cause != nil && s.Phase() == v1alpha1.PhaseCompensating {
		return fmt.Sprintf(": %s %s %s", cause.Reason, cause.Step, cause.Code)
	}
	return ""
}

func (p *play) result(s *Suite) Result {
	p.judge()
	r := Result{
		File: s.File, Test: s.Metadata.Name, Case: p.k.Name, End: p.saga.Phase(), Took: p.ended.Sub(p.begin), Sent: p.sent,
		Steps: p.saga.State().Steps, Problems: p.problems, Trace: p.trace,
	}
	if outputs := p.saga.State().Outputs; outputs != nil {
		r.Outputs = outputs.Raw
	}
	if p.k.Expect.Commands != nil && !p.messagesFit() {
		r.Diff = diff(p.k.Expect.Commands, p.sent, p.k.Expect.AnyOrder)
	}
	return r
}
