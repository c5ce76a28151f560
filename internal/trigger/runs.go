package trigger

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// Options of Runs.
type Options struct {
	Installation string
	Broker       *kafka.Client
	Sender       deadletter.Sender
	Client       client.Client // reads from the cache
	Live         client.Reader
	Programs     *program.Cache
	Metrics      *Metrics
	Now          func() time.Time // time.Now by default
	Every        time.Duration    // how often numbers are told at most; 10 s by default
	Log          logr.Logger
}

// Runs keeps one run for each trigger. Only one process of an installation may have them work. Safe for concurrent use.
type Runs struct {
	o      Options
	census *Census
	synced toolscache.InformerSynced // whether the census has counted what there was
	orders bool                      // whether the census counts orders, too

	mu        sync.Mutex
	ctx       context.Context // of all runs; nil: nothing works yet, or any more
	all       map[types.NamespacedName]*entry
	listeners []func(trigger types.NamespacedName)
	work      sync.WaitGroup
}

// entry is what is known of one trigger.
type entry struct {
	uid        types.UID
	generation int64
	tally      *tally
	run        *run
	done       <-chan struct{} // of the run before
}

// NewRuns returns runs of no trigger.
func NewRuns(o Options) *Runs {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = 10 * time.Second
	}
	r := &Runs{o: o, all: map[types.NamespacedName]*entry{}}
	r.census = NewCensus(o.Now, r.nudge)
	return r
}

// Watch has the runs count unfinished sagas, and orders where these are used, by what the cache shows. It comes before Start.
func (r *Runs) Watch(ctx context.Context, from cache.Cache, orders bool) (err error) {
	r.orders = orders
	r.synced, err = r.census.Watch(ctx, from, orders)
	return err
}

// Subscribe registers who is told of triggers whose state has changed. tell must not wait.
func (r *Runs) Subscribe(tell func(trigger types.NamespacedName)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners = append(r.listeners, tell)
}

func (r *Runs) tell(trigger types.NamespacedName) {
	r.mu.Lock()
	listeners := r.listeners
	r.mu.Unlock()
	for _, tell := range listeners {
		tell(trigger)
	}
}

// Start has all runs work until ctx is done, from when everything that there is was counted. It returns when nothing is being
// made any more.
func (r *Runs) Start(ctx context.Context) error {
	if !toolscache.WaitForCacheSync(ctx.Done(), r.synced) {
		return nil
	}
	r.mu.Lock()
	r.ctx = ctx
	for _, e := range r.all {
		r.launch(e)
	}
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	r.ctx = nil
	r.mu.Unlock()
	r.work.Wait()
	return nil
}

// launch has the entry's run work. Runs.mu is held.
func (r *Runs) launch(e *entry) {
	if r.ctx == nil || e.run == nil {
		return
	}
	n, before := e.run, e.done
	ctx, cancel := context.WithCancel(r.ctx)
	n.cancel, e.done = cancel, n.done
	r.work.Go(func() {
		defer cancel()
		n.begin(ctx, before)
	})
}

// Ensure has the trigger read as its spec says. A run of an older state of it ends first. Where nothing has changed, the run looks
// again at what it waits for.
func (r *Runs) Ensure(trigger *v1alpha1.SagaTrigger, plan *Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.all[plan.Key()]
	if e == nil {
		e = &entry{}
		r.all[plan.Key()] = e
	}
	if e.run != nil && e.uid == trigger.UID && e.generation == trigger.Generation {
		e.run.nudge()
		return
	}
	if e.tally == nil || e.uid != trigger.UID {
		e.tally = tallyOf(trigger.Status)
	}
	e.end()
	e.uid, e.generation = trigger.UID, trigger.Generation
	e.run = r.newRun(plan, e.tally)
	r.launch(e)
}

// end has the entry's run end, soon.
func (e *entry) end() {
	if e.run != nil && e.run.cancel != nil {
		e.run.cancel()
	}
	e.run = nil
}

// Stop has the trigger read no more. What it has counted is kept for a time when it reads again.
func (r *Runs) Stop(trigger types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.all[trigger]; e != nil {
		e.end()
	}
}

// Forget stops a trigger that is gone.
func (r *Runs) Forget(trigger types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.all[trigger]
	if e == nil {
		return
	}
	e.end()
	e.uid, e.tally = "", nil
	if e.done == nil {
		delete(r.all, trigger)
		return
	}
	r.work.Go(func() { // until then a run of another trigger of that name must know what to wait for
		<-e.done
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.all[trigger] == e && e.run == nil {
			delete(r.all, trigger)
		}
	})
}

// State says how the trigger's reading stands; false: it is not read.
func (r *Runs) State(trigger types.NamespacedName) (State, bool) {
	r.mu.Lock()
	e := r.all[trigger]
	var n *run
	if e != nil {
		n = e.run
	}
	r.mu.Unlock()
	if n == nil {
		return State{}, false
	}
	return n.state(), true
}

// nudge has a trigger's run look again at what it waits for. It never waits.
func (r *Runs) nudge(trigger types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.all[trigger]; e != nil && e.run != nil {
		e.run.nudge()
		e.run.note()
	}
}

// Lag is how many messages of all triggers are not dealt with, as they were counted last.
func (r *Runs) Lag() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	lag := int64(0)
	for _, e := range r.all {
		if e.run != nil {
			lag += e.run.state().Numbers.Lag
		}
	}
	return lag
}
