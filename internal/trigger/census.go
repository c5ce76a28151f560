package trigger

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/order"
)

// Census knows which unfinished sagas and orders each trigger has: those that the cache shows, and those that it does not show yet
// although this process is making or has made them, or has found them past the cache. Safe for concurrent use.
type Census struct {
	now func() time.Time

	mu     sync.Mutex
	seen   map[types.NamespacedName]map[member]bool      // by trigger
	made   map[types.NamespacedName]map[member]*addition // by trigger
	of     map[member]types.NamespacedName               // the trigger of each that is seen
	ends   map[types.NamespacedName]map[types.UID]bool   // what has ended during a survey, by trigger
	leaves func(trigger types.NamespacedName)            // told when there is one less
}

// member is a saga or an order.
type member struct {
	order bool
	types.NamespacedName
}

// addition is a member that the cache does not show yet.
type addition struct {
	since time.Time
	uid   types.UID          // empty until the API server has answered
	left  bool               // nobody is making it any more, and the API server has not answered
	ended map[types.UID]bool // what the cache has shown of its name to have ended meanwhile
}

// NewCensus returns a census of nothing. leaves is told of a trigger that has one less; it must not wait.
func NewCensus(now func() time.Time, leaves func(trigger types.NamespacedName)) *Census {
	return &Census{
		now: now, leaves: leaves, of: map[member]types.NamespacedName{},
		seen: map[types.NamespacedName]map[member]bool{}, made: map[types.NamespacedName]map[member]*addition{},
		ends: map[types.NamespacedName]map[types.UID]bool{},
	}
}

// Watch has the census follow the cache. synced says whether all that the cache had at the beginning is counted.
func (c *Census) Watch(ctx context.Context, from cache.Cache, orders bool) (synced toolscache.InformerSynced, _ error) {
	kinds := []client.Object{&v1alpha1.Saga{}}
	if orders {
		kinds = append(kinds, &v1alpha1.OrderWorkflow{})
	}
	var all []toolscache.ResourceEventHandlerRegistration
	for _, kind := range kinds {
		informer, err := from.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", kind, err)
		}
		registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { c.observe(o, false) },
			UpdateFunc: func(_, o any) { c.observe(o, false) },
			DeleteFunc: func(o any) { c.observe(o, true) },
		})
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", kind, err)
		}
		all = append(all, registration)
	}
	return func() bool {
		for _, registration := range all {
			if !registration.HasSynced() {
				return false
			}
		}
		return true
	}, nil
}

// observe takes in what the cache shows.
func (c *Census) observe(o any, deleted bool) {
	if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	object, ok := o.(client.Object)
	if !ok {
		return
	}
	m := memberOf(object)
	trigger := types.NamespacedName{Namespace: m.Namespace, Name: object.GetLabels()[v1alpha1.LabelTrigger]}
	c.mu.Lock()
	left := c.take(m, trigger, object.GetUID(), !deleted && !ended(object))
	c.mu.Unlock()
	for _, t := range left {
		c.leaves(t)
	}
}

// take notes that a member is there, or has ended, and returns the triggers that have one less.
func (c *Census) take(m member, trigger types.NamespacedName, uid types.UID, unfinished bool) (left []types.NamespacedName) {
	before, was := c.of[m]
	stays := unfinished && trigger.Name != ""
	if was && (!stays || before != trigger) {
		delete(c.seen[before], m)
		delete(c.of, m)
		left = append(left, before)
	}
	if stays {
		if c.seen[trigger] == nil {
			c.seen[trigger] = map[member]bool{}
		}
		c.seen[trigger][m], c.of[m] = true, trigger
		delete(c.made[trigger], m)
		return left
	}
	if ends := c.ends[trigger]; ends != nil {
		ends[uid] = true
	}
	if a := c.made[trigger][m]; a != nil {
		if a.uid == uid {
			delete(c.made[trigger], m)
			left = append(left, trigger)
		} else {
			a.ended[uid] = true // it may be an earlier one of this name
		}
	}
	return left
}

// memberOf names an object.
func memberOf(object client.Object) member {
	_, isOrder := object.(*v1alpha1.OrderWorkflow)
	return member{order: isOrder, NamespacedName: client.ObjectKeyFromObject(object)}
}

// ended says whether a saga or an order is finished.
func ended(object client.Object) bool {
	switch o := object.(type) {
	case *v1alpha1.Saga:
		switch o.Status.Phase {
		case v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseRejected:
			return true
		case v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating, v1alpha1.PhaseNeedsIntervention:
		}
	case *v1alpha1.OrderWorkflow:
		return order.Final(o.Status)
	}
	return false
}

// Active is how many unfinished sagas and orders the trigger has.
func (c *Census) Active(trigger types.NamespacedName) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active(trigger)
}

func (c *Census) active(trigger types.NamespacedName) int {
	return len(c.seen[trigger]) + len(c.made[trigger])
}

// room says what became of asking for a place.
type room int

const (
	roomTaken room = iota // the member counts from now on
	roomNone              // the trigger has as many as it may have
	roomKnown             // the member is there already
)

// enter takes a place for a member that is about to be made. Whoever makes the same one at the same time shares its place.
func (c *Census) enter(trigger types.NamespacedName, m member, most int) room {
	c.mu.Lock()
	defer c.mu.Unlock()
	making := c.made[trigger][m]
	switch {
	case c.seen[trigger][m], making != nil && making.uid != "":
		return roomKnown
	case making != nil:
		making.left = false
		return roomTaken
	case c.active(trigger) >= most:
		return roomNone
	}
	if c.made[trigger] == nil {
		c.made[trigger] = map[member]*addition{}
	}
	c.made[trigger][m] = &addition{since: c.now(), ended: map[types.UID]bool{}}
	return roomTaken
}

// confirm says that a member was made, or found, under that UID.
func (c *Census) confirm(trigger types.NamespacedName, m member, uid types.UID) {
	c.mu.Lock()
	a := c.made[trigger][m]
	if a != nil {
		a.uid = uid
	}
	over := a != nil && a.ended[uid]
	c.mu.Unlock()
	if over {
		c.leave(trigger, m)
	}
}

// leave gives the place of a member back that was not made, or has ended.
func (c *Census) leave(trigger types.NamespacedName, m member) {
	c.mu.Lock()
	_, was := c.made[trigger][m]
	delete(c.made[trigger], m)
	c.mu.Unlock()
	if was {
		c.leaves(trigger)
	}
}

// abandon says that nobody is making anything for the trigger any more. What the API server has not answered about may be there
// or not: unseen returns it later.
func (c *Census) abandon(trigger types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.made[trigger] {
		a.left = a.uid == ""
	}
}

// unseen returns those that were made so long ago that the cache should have shown them: it may have missed that they ended.
func (c *Census) unseen(trigger types.NamespacedName, longer time.Duration) (members []member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for m, a := range c.made[trigger] {
		if (a.uid != "" || a.left) && now.Sub(a.since) > longer {
			members = append(members, m)
			a.since = now
		}
	}
	return members
}
