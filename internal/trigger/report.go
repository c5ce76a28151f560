package trigger

import (
	"context"
	"time"
)

// unseenFor is after what time something that was made is looked for, where the cache has not shown it.
const unseenFor = 30 * time.Second

// report tells of changes until ctx is done: of the condition at once, and of numbers at most every Options.Every. Where nothing
// changes it tells nothing.
func (n *run) report(ctx context.Context) error {
	tick := time.NewTicker(n.o.Every)
	defer tick.Stop()
	reason, counted := "", time.Time{}
	later := time.NewTimer(n.o.Every)
	defer later.Stop()
	for {
		condition, again := n.ready()
		turned := condition.Reason != reason
		if due := n.o.Now().Sub(counted) >= n.o.Every*9/10; turned || due {
			counted, reason = n.o.Now(), condition.Reason
			if n.count(ctx) || turned {
				n.tell(n.key)
			}
		}
		if !again.IsZero() {
			later.Reset(max(again.Sub(n.o.Now()), time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.noted:
		case <-later.C:
		case <-tick.C:
			n.sweep(ctx, unseenFor)
		}
	}
}

// count takes the numbers as they are now, and says whether they differ from those that were shown.
func (n *run) count(ctx context.Context) (changed bool) {
	next := n.tally.numbers()
	next.Active = int32(n.census.Active(n.key))
	n.mu.Lock()
	next.Lag = n.shown.Lag
	n.mu.Unlock()
	if lag, err := n.reader.Lag(ctx); err == nil { // else the last one stands
		next.Lag = lag
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	changed = next != n.shown
	n.shown = next
	return changed
}
