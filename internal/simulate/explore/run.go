package explore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// dawn is when every life begins.
var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// run is one life, as far as it has come.
type run struct {
	x       *explorer
	world   *simulate.World
	manager *simulate.Manager
	saga    *simulate.Saga
	faults  int              // how many have struck
	lives   int              // how often the saga was made
	unread  bool             // something happened that the manager has not looked at
	read    []simulate.Reply // what the last decision had read
	habits  map[place]habit  // what goes on being wrong
	late    []lateReply

	happened   map[int]bool // by step: what it waits for, or that something could be asked meanwhile
	lateEvents []lateEvent
	begun      map[place]time.Time // when a command was sent first
	lines      []line              // since they were last taken
	broken     []error             // promises that the operator broke
}

// place is where faults strike: a step, forward or backward.
type place struct {
	step      string
	direction engine.Direction
}

func (x *explorer) newRun() *run {
	r := &run{x: x, habits: map[place]habit{}, happened: map[int]bool{}}
	r.world = simulate.NewWorld(dawn, nil)
	r.world.Quick, r.world.Watch = true, r.watch
	r.manager = simulate.NewManager(r.world)
	r.make()
	return r
}

// make makes the saga, anew where it was lost.
func (r *run) make() {
	r.lives++
	identity := r.x.Saga
	identity.UID = fmt.Sprintf("uid-%d", r.lives)
	r.begun = map[place]time.Time{}
	r.saga = r.world.AddCompiled(r.x.Definition, r.x.Program, identity)
	r.unread = true
}

func (r *run) fork() *run {
	f := *r
	f.world = r.world.Fork()
	f.world.Watch = f.watch
	f.manager = r.manager.Fork(f.world)
	f.saga = f.world.Sagas[slices.Index(r.world.Sagas, r.saga)]
	f.habits, f.begun = maps.Clone(r.habits), maps.Clone(r.begun)
	f.late, f.lines, f.read = slices.Clone(r.late), slices.Clone(r.lines), slices.Clone(r.read)
	f.happened, f.lateEvents = maps.Clone(r.happened), slices.Clone(r.lateEvents)
	f.broken = slices.Clone(r.broken)
	return &f
}

func (r *run) watch(w simulate.Write) {
	if err := w.Check(r.world.Now); err != nil {
		r.broken = append(r.broken, err)
	}
}

// take returns the lines since it was last called.
func (r *run) take() []line {
	lines := r.lines
	r.lines = nil
	return lines
}

func (r *run) say(format string, args ...any) {
	r.lines = append(r.lines, line{text: fmt.Sprintf(format, args...)})
}

// state is the live state. It must not be changed.
func (r *run) state() engine.State {
	s, err := r.saga.Live()
	r.must(err)
	return s
}

func (r *run) must(err error) {
	if err != nil {
		r.broken = append(r.broken, err)
	}
}

// exchange is what the live state says of a place, or nil.
func (r *run) exchange(p place) *v1alpha1.Exchange {
	s := r.state()
	for i := range s.Steps {
		switch {
		case s.Steps[i].Name != p.step:
		case p.direction == engine.Backward:
			return s.Steps[i].Compensation
		default:
			return s.Steps[i].Action
		}
	}
	return nil
}

// trouble joins what the operator did wrong.
func (r *run) trouble() error {
	return errors.Join(append(slices.Clone(r.broken), r.world.Problems()...)...)
}
