package trigger

import (
	"sync"
	"time"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// tally counts what became of a trigger's events. It goes on from what is stored and outlives the runs of one process.
type tally struct {
	mu      sync.Mutex
	started int64
	refused int64
	last    time.Time
}

func tallyOf(status v1alpha1.SagaTriggerStatus) *tally {
	t := &tally{started: status.Started, refused: status.Refused}
	if status.LastStartTime != nil {
		t.last = status.LastStartTime.Time
	}
	return t
}

func (t *tally) start(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.started++
	t.last = at
}

func (t *tally) refuse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused++
}

func (t *tally) numbers() Numbers {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Numbers{Started: t.started, Refused: t.refused, LastStart: t.last.UTC().Truncate(time.Second)}
}
