package explore

import (
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// fault is something that goes wrong, or that somebody asks for at a bad time.
type fault int

const (
	declined        fault = iota // answered failed
	declinedForNow               // answered failed, with a code that the step tries again
	busyOnce                     // answered retry, once
	busyAlways                   // answered retry, until the attempts end
	busyForGood                  // answered retry, with a code that the step does not try again
	lostOnce                     // one attempt never arrives
	lostAlways                   // no attempt arrives
	silentOnce                   // takes effect, and one answer is lost
	silentAlways                 // takes effect, and every answer is lost
	lateOnce                     // the answer comes just after its attempt has timed out
	lateAlways                   // the answer comes once all attempts have timed out
	overtaken                    // the answer comes after that to the next attempt
	duplicated                   // answered twice
	outrun                       // another command that is in flight is answered first
	crashBeforeSend              // the manager, having stored
	crashAfterSend               // the manager, before it knows that it has sent
	adoptedBefore                // the saga is lost with the command on its way, made anew and adopted; the command arrives last
	adoptedAfter                 // the command has taken effect, and its answer reaches nobody
	eventEarly                   // an awaited event comes before its step has started
	eventTwice                   //
	eventNever                   //
	eventLate                    // after it was waited for
	eventUnfit                   // one that the filter does not let through comes first
	serviceFails                 // a service that acts on its own tells that it failed
	serviceIdle                  // it does nothing
	serviceSilent                // it acts, and its event is lost
	serviceLate                  // it acts, and its event comes after it was waited for
	serviceTwice                 // its event comes twice
	personDeclines               //
	personSkips                  // goes on without
	personSilent                 // never decides
	abort                        //
	remove                       // of the object: the saga is undone first
	suspend                      // and resume
	deadline                     // it passes
)

// onDelivery are the faults of one command, wherever it goes.
var onDelivery = []fault{declined, busyOnce, busyAlways, lostOnce, lostAlways, silentOnce, silentAlways, lateOnce, lateAlways, overtaken, duplicated}

// onEvent, onService and onApproval are those of what a saga waits for.
var (
	onEvent    = []fault{eventTwice, eventNever, eventLate}
	onService  = []fault{serviceFails, serviceIdle, serviceSilent, serviceLate, serviceTwice}
	onApproval = []fault{personDeclines, personSkips, personSilent}
)

// struckAttempts is how many attempts of a round are struck: what comes later is like the second.
const struckAttempts = 2

// patience is after how many attempts a stubborn fault ends where attempts never do.
const patience = 3

// habit is a fault that goes on; left is for how many attempts, below 0 without end.
type habit struct {
	fault fault
	left  int
}

// offer is a fault that could strike; step is whom it concerns, where the move does not say it.
type offer struct {
	fault fault
	step  int
}

// offers returns the faults that could strike instead of, or just before, a move.
func (r *run) offers(m move) []offer {
	switch m.act {
	case send:
		return append(r.offersOfSending(), r.offersOfTheMorning()...)
	case deliver:
		return r.offersOfDelivery(r.world.Commands[m.index])
	case serve:
		return r.offersAt(m.index, onService, r.asked(false))
	case happen:
		faults := onEvent
		if r.x.Definition.Steps[m.index].Await.Filter != "" {
			faults = append(slices.Clone(faults), eventUnfit)
		}
		return r.offersAt(m.index, faults, r.asked(true))
	case approve:
		return r.offersAt(m.index, onApproval, r.asked(true))
	case wait:
		return r.offersAt(m.index, nil, r.asked(true))
	case decide, arrive, come, resume, tick:
	}
	return nil
}

// offersAt are faults at a step that waits, or that its service does on its own.
func (r *run) offersAt(step int, faults ...[]fault) []offer {
	var offers []offer
	if r.x.strikes(r.x.Definition.Steps[step].Name) {
		for _, f := range slices.Concat(faults...) {
			offers = append(offers, offer{f, step})
		}
	}
	return append(offers, r.offersOfTheMorning()...)
}

func (r *run) offersOfSending() []offer {
	pending, err := r.saga.Run.Pending(r.state())
	r.must(err)
	if len(pending) == 0 || pending[0].Attempt > struckAttempts || !r.x.strikes(pending[0].Step) {
		return nil
	}
	return []offer{{fault: crashBeforeSend}, {fault: crashAfterSend}}
}

// offersOfTheMorning are events that come as early as they can: before anything was sent or waited for.
func (r *run) offersOfTheMorning() []offer {
	if r.lives > 1 || len(r.begun) > 0 || len(r.happened) > 0 {
		return nil
	}
	var offers []offer
	for i, s := range r.x.Definition.Steps {
		started := r.state().Steps[i].State != v1alpha1.StepNotStarted
		if s.Await != nil && !started && r.x.strikes(s.Name) {
			offers = append(offers, offer{eventEarly, i})
		}
	}
	return offers
}

func (r *run) offersOfDelivery(m simulate.Message) []offer {
	if m.SagaUID != r.saga.UID || m.Attempt > struckAttempts || !r.x.strikes(m.Step) {
		return nil
	}
	var faults []fault
	if _, ok := r.habits[place{m.Step, m.Direction}]; !ok {
		faults = append(faults, onDelivery...)
		policy := r.x.policy(m)
		if policy != nil && len(policy.Retryable) > 0 {
			faults = append(faults, declinedForNow)
		}
		if policy != nil && len(policy.NonRetryable) > 0 {
			faults = append(faults, busyForGood)
		}
	}
	if r.other(m) >= 0 {
		faults = append(faults, outrun)
	}
	faults = append(faults, adoptedBefore, adoptedAfter)
	if m.Direction == engine.Forward {
		faults = append(faults, r.asked(false)...)
	}
	offers := make([]offer, len(faults))
	for i, f := range faults {
		offers[i] = offer{fault: f}
	}
	return offers
}

// other returns another step's command in flight, or -1.
func (r *run) other(m simulate.Message) int {
	return slices.IndexFunc(r.world.Commands, func(o simulate.Message) bool { return o.SagaUID == m.SagaUID && o.Step != m.Step })
}

// asked are the requests that people could make of a saga that goes forward; waits says that nothing is in flight.
func (r *run) asked(waits bool) []fault {
	var faults []fault
	if waits {
		faults = append(faults, adoptedBefore)
	}
	if r.state().Cause == nil && !r.saga.Spec.Abort && !r.saga.Spec.Delete {
		faults = append(faults, abort, remove)
		if !r.saga.Spec.Suspend {
			faults = append(faults, suspend)
		}
	}
	if slices.ContainsFunc(r.saga.Run.Timers(r.state()), func(t engine.Timer) bool { return t.Kind == engine.TimerDeadline }) {
		faults = append(faults, deadline)
	}
	return faults
}

// strikes says whether faults strike at a step.
func (x *explorer) strikes(step string) bool {
	return len(x.options.Steps) == 0 || slices.Contains(x.options.Steps, step)
}

// policy is how a command is retried, or nil.
func (x *explorer) policy(m simulate.Message) *v1alpha1.RetryPolicy {
	def := x.Definition.Steps[x.stepIndex(m.Step)]
	switch {
	case m.Direction == engine.Backward && def.Compensation != nil:
		return def.Compensation.Retry
	case def.Action != nil:
		return def.Action.Retry
	}
	return nil
}

// unlimited says whether a command is sent until it is answered.
func (x *explorer) unlimited(m simulate.Message) bool {
	def, policy := x.Definition.Steps[x.stepIndex(m.Step)], x.policy(m)
	if m.Direction == engine.Backward || def.Recovery == v1alpha1.RecoveryCompensatable || def.Recovery == "" {
		return false
	}
	return policy == nil || policy.MaxAttempts == nil
}

func (x *explorer) stepIndex(name string) int {
	return slices.IndexFunc(x.Definition.Steps, func(s v1alpha1.Step) bool { return s.Name == name })
}
