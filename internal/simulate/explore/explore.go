package explore

import (
	"runtime"
	"sync"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// Case is what is explored.
type Case struct {
	Definition v1alpha1.SagaDefinitionSpec
	Program    *engine.Program
	Saga       engine.Saga
	Answers    map[string][]byte // a JSON object by step: what participants answer; absent: an empty one
	Uncovered  map[string]string // steps that have an effect which nothing undoes, with what to do about it
}

// Options say how much is explored.
type Options struct {
	Faults  int      // how many faults one life may have: 0, 1 or 2
	Steps   []string // where faults strike; empty: everywhere
	Workers int      // 0: as many as there are cores
}

// Report is what became of all lives. Durations are in nanoseconds.
type Report struct {
	Runs    int           `json:"runs"`
	Faults  int           `json:"faults"` // how many faults a life had at most: fewer than asked for where fewer show a breach
	Ends    []End         `json:"ends"`
	Longest time.Duration `json:"longest"` // from the start to the end, or to the wait for a person
	Steps   []StepTime    `json:"steps"`
}

// End is a way in which lives end.
type End struct {
	Phase   string        `json:"phase"`            // Completed, Compensated, NeedsIntervention, or Breach
	Detail  string        `json:"detail,omitempty"` // what waits for whom, or what is wrong
	Runs    int           `json:"runs"`
	Faults  int           `json:"faults"` // how many faults it takes
	Longest time.Duration `json:"longest"`
	Trace   []string      `json:"trace"` // the shortest life that ends so, in sentences
}

// Breach is the phase of an End that must not be.
const Breach = "Breach"

// StepTime is how long one step took at most, to what settled it: from the first sending of its command or, where it sends none,
// from when it began to wait.
type StepTime struct {
	Step     string        `json:"step"`
	Forward  time.Duration `json:"forward"`
	Backward time.Duration `json:"backward"`
}

// Breaches returns the ends that must not be.
func (r Report) Breaches() []End {
	var breaches []End
	for _, e := range r.Ends {
		if e.Phase == Breach {
			breaches = append(breaches, e)
		}
	}
	return breaches
}

// Explore plays all lives with no fault, then with one, then with two, as far as o says, and stops at the first of these that
// shows a breach: a trace has no more faults than are needed. Its report is the same each time.
func Explore(c Case, o Options) Report {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	x := &explorer{Case: c, options: o, known: map[fingerprint]*tally{}}
	for faults := 0; ; faults++ {
		report := x.report(x.lives(faults), faults)
		if faults >= o.Faults || len(report.Breaches()) > 0 {
			return report
		}
	}
}

// explorer remembers what becomes of the worlds that it has seen.
type explorer struct {
	Case
	options Options

	mu    sync.Mutex
	known map[fingerprint]*tally
}

// lives plays all lives of at most so many faults. What a first fault leads to is played by several workers.
func (x *explorer) lives(faults int) *tally {
	if faults < 2 || x.options.Workers < 2 {
		return x.explore(x.newRun(), faults)
	}
	work := make(chan *run)
	var workers sync.WaitGroup
	for range x.options.Workers {
		workers.Go(func() {
			for r := range work {
				x.explore(r, faults-1)
			}
		})
	}
	x.firstFaults(func(r *run) { work <- r })
	close(work)
	workers.Wait()
	return x.explore(x.newRun(), faults) // finds all but its own way in what is known
}

// firstFaults visits every life just after its first fault.
func (x *explorer) firstFaults(visit func(*run)) {
	r := x.newRun()
	for m, ok := r.next(); ok; m, ok = r.next() {
		for _, f := range r.offers(m) {
			fork := r.fork()
			fork.strike(f, m)
			visit(fork)
		}
		r.do(m)
	}
}

// explore plays on from r with at most so many faults more, and returns what became of all these lives. r is used up.
func (x *explorer) explore(r *run, faults int) *tally {
	m, ok := r.next()
	for ok && len(r.offers(m)) == 0 {
		r.do(m)
		m, ok = r.next()
	}
	if !ok {
		return r.end()
	}
	lines := r.take()
	key := r.fingerprint(faults)
	sum, seen := x.recall(key)
	if !seen {
		sum = newTally(len(x.Definition.Steps))
		if faults > 0 {
			for _, f := range r.offers(m) {
				fork := r.fork()
				fork.strike(f, m)
				sum.add(x.explore(fork, faults-1), 1)
			}
		}
		r.do(m)
		sum.add(x.explore(r, faults), 0)
		x.remember(key, sum)
	}
	return sum.after(lines)
}

func (x *explorer) recall(key fingerprint) (*tally, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t, ok := x.known[key]
	return t, ok
}

func (x *explorer) remember(key fingerprint, t *tally) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.known[key] = t
}
