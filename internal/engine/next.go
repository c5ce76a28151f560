package engine

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Rules is the version of the rules in this package. A saga remembers under which it started.
const Rules = 2

// Next decides what a saga does about what happened: no I/O, no clock, no randomness.
//
// s is not modified; its steps are in the definition's order, or absent before the start. now is the time of the
// decision; it is taken in whole seconds of UTC and never goes back behind s.DecisionTime. All events are settled first, in a fixed order
// (start, adopt, replies, resolutions, abort and delete, suspend, timers); then the saga advances once, so that a pivot never leaves
// in the same decision as an abort. Next returns the state to store, whose Pending is to be sent once it is stored,
// and one verdict per event. A reply that is late, repeated or foreign is no error: its verdict says what to do with it.
// A state of another program is returned as it is, and every event is Unheard.
// Source: docs/architecture.md, "Life of a saga".
func (r Run) Next(s State, now time.Time, events []Event) (State, []Verdict) {
	next := s.DeepCopy()
	at := metav1.NewTime(now.UTC().Truncate(time.Second))
	if s.DecisionTime != nil && at.Before(s.DecisionTime) {
		at = *s.DecisionTime
	}
	d := decision{Run: r, s: next, now: at}
	verdicts := make([]Verdict, len(events))
	if !r.fits(&s) {
		for i := range verdicts {
			verdicts[i] = Unheard
		}
		return *next, verdicts
	}
	for _, i := range inOrder(events) {
		verdicts[i] = d.settle(events[i])
	}
	if d.started() && !d.ended() {
		d.advance()
	}
	if d.changed {
		next.DecisionTime = &at
	}
	return *next, verdicts
}

// fits says whether the state is one of this program's, started or not.
func (p *Program) fits(s *State) bool {
	if s.StartTime == nil {
		return true
	}
	return slices.EqualFunc(s.Steps, p.steps, func(st v1alpha1.StepStatus, def step) bool { return st.Name == def.name })
}

// inOrder returns the indices of events in the order in which they are settled.
func inOrder(events []Event) []int {
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(events[a].class(), events[b].class()) })
	return order
}

// decision is one call of Next at work on its own copy of the state.
type decision struct {
	Run
	s        *State
	now      metav1.Time
	changed  bool
	causedBy string  // the command whose answer or silence was settled last
	due      []Timer // backoffs that are over
	abortWhy string  // in words, where it was not the spec
}

func (d *decision) settle(event Event) Verdict {
	if start, ok := event.(Started); ok {
		return d.start(start)
	}
	if !d.started() {
		switch event.(type) {
		case Replied, Occurred, Published:
			return Unheard
		default:
			return Settled
		}
	}
	verdict := Settled
	switch e := event.(type) {
	case Replied:
		verdict = d.reply(e)
	case Occurred:
		verdict = d.occurred(e)
	case Published:
		verdict = d.published(e)
	case Resolve:
		verdict = d.resolve(e.Resolution)
	case Asked:
		verdict = d.asked(e)
	case Fired:
		verdict = d.fired(e.Timer)
	}
	d.changed = d.changed || verdict == Applied
	return verdict
}

func (d *decision) start(e Started) Verdict {
	if d.started() {
		return Settled
	}
	d.s.Rules, d.s.Revision, d.s.InputDigest = Rules, e.Revision, e.InputDigest
	d.s.StartTime = d.time()
	if d.Program.deadline > 0 {
		deadline := metav1.NewTime(d.now.Add(d.Program.deadline).Truncate(time.Second))
		d.s.Deadline = &deadline
	}
	d.s.Steps = make([]v1alpha1.StepStatus, len(d.Program.steps))
	for i, s := range d.Program.steps {
		d.s.Steps[i] = v1alpha1.StepStatus{Name: s.name, State: v1alpha1.StepNotStarted}
	}
	d.changed = true
	return Applied
}

func (d *decision) time() *metav1.Time { t := d.now; return &t }

func (d *decision) started() bool  { return d.s.StartTime != nil }
func (d *decision) ended() bool    { return d.s.EndTime != nil }
func (d *decision) backward() bool { return d.s.Cause != nil }

func latched(s *State, l v1alpha1.Latch) bool { return slices.Contains(s.Latches, l) }

// latch takes l for good, and says whether it was new.
func (d *decision) latch(l v1alpha1.Latch) bool {
	if latched(d.s, l) {
		return false
	}
	d.s.Latches = append(d.s.Latches, l)
	return true
}

// committed says whether the saga is beyond the point of no return: its pivot is done or, where it has none, its first
// retriable step has started.
func (p *Program) committed(s *State) bool {
	if len(s.Steps) != len(p.steps) || s.Cause != nil {
		return false
	}
	if p.pivot >= 0 {
		return p.done(s, p.pivot)
	}
	for i := p.retry; i < len(p.steps); i++ {
		if begun(&s.Steps[i]) {
			return true
		}
	}
	return false
}

// othersBegun says whether the point of no return is passed by a retriable step beside step i.
func (d *decision) othersBegun(i int) bool {
	for j := d.Program.retry; d.Program.pivot < 0 && j < len(d.s.Steps); j++ {
		if j != i && begun(&d.s.Steps[j]) {
			return true
		}
	}
	return false
}

// begun says whether a retriable step may have done something: not where it was never sent, nor where its only answer is
// that another saga has used its key.
func begun(st *v1alpha1.StepStatus) bool {
	if st.State == v1alpha1.StepNotStarted || st.Action == nil {
		return false
	}
	return st.State == v1alpha1.StepSucceeded || st.State == v1alpha1.StepSkipped || !neverSent(st.Action) && !keyUsedWait(st)
}

// beyond says whether step i comes after the point of no return.
func (p *Program) beyond(i int) bool {
	return p.pivot >= 0 && i > p.pivot || p.pivot < 0 && i > p.retry
}

// pivotInFlight says whether the pivot may have taken effect without anybody knowing. One that waits for a person's approval has
// not.
func (p *Program) pivotInFlight(s *State) bool {
	if p.pivot < 0 || p.steps[p.pivot].kind == kindApproval {
		return false
	}
	st := s.Steps[p.pivot]
	switch st.State {
	case v1alpha1.StepRunning:
		return true
	case v1alpha1.StepNeedsIntervention:
		return st.Action != nil && st.Action.Outcome != v1alpha1.ExchangeFailed
	default:
		return false
	}
}
