package explore

import (
	"cmp"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// lateEvent is an event that comes once its step, by index, waits no longer.
type lateEvent struct {
	engine.Occurred
	step int
}

// serving returns an observed step whose service is to act next, or -1.
func (r *run) serving() int {
	return r.find(func(i int, _ v1alpha1.Step, _ *v1alpha1.StepStatus) bool {
		return r.world.Turn(r.saga, i) && r.habit(i) != serviceIdle
	})
}

// awaited returns a step that waits for an event which is still to happen, or -1.
func (r *run) awaited() int {
	return r.find(func(i int, s v1alpha1.Step, st *v1alpha1.StepStatus) bool {
		return s.Await != nil && open(st) && !r.happened[i] && r.habit(i) < 0
	})
}

// approvable returns a step that waits for a person who has not decided, or -1.
func (r *run) approvable() int {
	return r.find(func(i int, s v1alpha1.Step, st *v1alpha1.StepStatus) bool {
		decided := slices.ContainsFunc(r.saga.Spec.Resolutions, func(o v1alpha1.Resolution) bool {
			return o.Step == s.Name && o.Decision == st.Decision
		})
		return s.Approval != nil && open(st) && !decided && r.habit(i) < 0
	})
}

// delaying returns a step that waits for a time which nobody has used yet to ask for something, or -1.
func (r *run) delaying() int {
	return r.find(func(i int, s v1alpha1.Step, st *v1alpha1.StepStatus) bool {
		return s.Delay != nil && open(st) && !r.happened[i]
	})
}

func (r *run) find(fits func(int, v1alpha1.Step, *v1alpha1.StepStatus) bool) int {
	state := r.state()
	for i := range state.Steps {
		if fits(i, r.x.Definition.Steps[i], &state.Steps[i]) {
			return i
		}
	}
	return -1
}

// habit is the fault that goes on at a step's doing, or -1.
func (r *run) habit(i int) fault {
	if h, ok := r.habits[place{r.x.Definition.Steps[i].Name, engine.Forward}]; ok {
		return h.fault
	}
	return -1
}

func open(st *v1alpha1.StepStatus) bool {
	return st.State == v1alpha1.StepRunning && st.Action != nil && st.Action.Outcome == v1alpha1.ExchangeWaiting
}

// happen lets the event of an await happen.
func (r *run) happen(i int, data []byte) engine.Occurred {
	return r.world.Event(r.saga, i, r.x.Definition.Steps[i].Await.Event, data)
}

func (r *run) happenWell(i int) {
	e := r.happen(i, r.x.Answers[r.x.Definition.Steps[i].Name])
	r.happened[i] = true
	if r.fits(i, e) {
		r.say("%s happens, as %s awaits", e.Type, r.x.Definition.Steps[i].Name)
	} else {
		data := cmp.Or(string(e.Data), "{}")
		r.say("%s happens with %.300s, which the filter of %s does not let through: name its data with --outputs", e.Type, data, r.x.Definition.Steps[i].Name)
	}
	r.hear(e)
}

// fits says whether the event settles step i, which waits for it: the saga is asked, in a world that is thrown away.
func (r *run) fits(i int, e engine.Occurred) bool {
	asked := r.fork()
	asked.hear(e)
	asked.decide()
	return !open(&asked.state().Steps[i])
}

func (r *run) hear(events ...engine.Occurred) { r.saga.Events = append(r.saga.Events, events...) }

func (r *run) strikeEvent(o offer) {
	name, good := r.x.Definition.Steps[o.step].Name, r.x.Answers[r.x.Definition.Steps[o.step].Name]
	e := r.happen(o.step, good)
	r.happened[o.step] = true
	switch o.fault {
	case eventEarly:
		r.say("%s happens before %s awaits it", e.Type, name)
		r.hear(e)
	case eventTwice:
		r.say("%s happens, as %s awaits, and is told twice", e.Type, name)
		r.hear(e, e)
	case eventLate:
		r.say("%s does not come in time for %s", e.Type, name)
		r.lateEvents = append(r.lateEvents, lateEvent{e, o.step})
	case eventUnfit:
		r.say("an event %s comes that the filter of %s does not let through", e.Type, name)
		e.Data = []byte("{}")
		r.hear(e)
		r.happened[o.step] = false
	default:
		r.say("%s never comes, as %s awaits", e.Type, name)
	}
}

// serve lets the service of an observed step act.
func (r *run) serve(i int) (engine.Occurred, bool) {
	r.happened[i] = true
	r.comeTo(engine.Succeeded, r.x.Answers[r.x.Definition.Steps[i].Name])
	return r.world.Serve(r.saga, i)
}

func (r *run) serveWell(i int) {
	if e, ok := r.serve(i); ok {
		r.say("the service of %s acts, and tells %s", r.x.Definition.Steps[i].Name, e.Type)
		r.hear(e)
		return
	}
	r.habits[place{r.x.Definition.Steps[i].Name, engine.Forward}] = habit{serviceIdle, -1} // it has undone it already
}

func (r *run) strikeService(o offer) {
	name := r.x.Definition.Steps[o.step].Name
	r.happened[o.step] = true
	if o.fault == serviceIdle {
		r.say("the service of %s does nothing", name)
		r.habits[place{name, engine.Forward}] = habit{serviceIdle, -1}
		return
	}
	if o.fault == serviceFails {
		r.comeTo(engine.Failed, []byte(`{"code":"DECLINED"}`))
		if e, ok := r.world.Serve(r.saga, o.step); ok {
			r.say("the service of %s fails, and tells %s", name, e.Type)
			r.hear(e)
		}
		return
	}
	e, ok := r.serve(o.step)
	switch {
	case !ok:
		r.habits[place{name, engine.Forward}] = habit{serviceIdle, -1}
	case o.fault == serviceTwice:
		r.say("the service of %s acts, and tells %s twice", name, e.Type)
		r.hear(e, e)
	case o.fault == serviceLate:
		r.say("the service of %s acts, and %s does not come in time", name, e.Type)
		r.lateEvents = append(r.lateEvents, lateEvent{e, o.step})
	default:
		r.say("the service of %s acts, and %s is lost", name, e.Type)
	}
}

// lateEventDue returns a late event whose step waits no longer, or -1.
func (r *run) lateEventDue() int {
	state := r.state()
	return slices.IndexFunc(r.lateEvents, func(l lateEvent) bool {
		st := &state.Steps[l.step]
		return st.State != v1alpha1.StepNotStarted && !open(st)
	})
}

func (r *run) comeLate(i int) {
	l := r.lateEvents[i]
	r.lateEvents = slices.Delete(slices.Clone(r.lateEvents), i, i+1)
	r.say("%s comes, too late for %s", l.Type, r.x.Definition.Steps[l.step].Name)
	r.hear(l.Occurred)
}

// approve lets a person decide: each time another one.
func (r *run) approve(i int, action v1alpha1.ResolutionAction) {
	st := &r.state().Steps[i]
	by := []string{"Ada", "Bela"}[len(st.ApprovedBy)%2]
	r.saga.Spec.Resolutions = append(r.saga.Spec.Resolutions, v1alpha1.Resolution{
		Step: st.Name, Decision: st.Decision, Action: action, By: by, Reason: "simulated",
	})
	r.unread, r.happened[i] = true, true
	r.say("%s decides about %s: %s", by, st.Name, action)
}

func (r *run) strikeApproval(o offer) {
	switch o.fault {
	case personDeclines:
		r.approve(o.step, v1alpha1.ResolutionCompensate)
	case personSkips:
		r.approve(o.step, v1alpha1.ResolutionSkip)
	default:
		name := r.x.Definition.Steps[o.step].Name
		r.say("nobody decides about %s", name)
		r.habits[place{name, engine.Forward}] = habit{personSilent, -1}
		r.happened[o.step] = true
	}
}
