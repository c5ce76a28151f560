package trigger

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Bounds of one page of a live list.
const (
	perPage     = 500 // objects, of each its metadata only
	listTimeout = 30 * time.Second
)

// survey counts, past the cache, what the trigger has that is unfinished, and tries until it has succeeded or ctx is done: the cache
// of a new leader may lack what the one before it made last.
func (n *run) survey(ctx context.Context) {
	for backoff := firstBackoff; ctx.Err() == nil; backoff = min(2*backoff, longestWait) {
		err := n.surveyOnce(ctx)
		if err == nil {
			n.board.clear(troubleStarts)
			return
		}
		n.log.V(1).Info("Counting what is unfinished failed, trying again", "error", err.Error())
		n.board.set(troubleStarts, why{v1alpha1.ReasonStartsFailing, "The API server does not tell what is unfinished; what is to start waits"})
		pause(ctx, backoff)
	}
}

func (n *run) surveyOnce(ctx context.Context) error {
	found := map[member]types.UID{}
	n.census.survey(n.key)
	defer func() { n.census.surveyed(n.key, found) }()
	if err := n.findUnfinished(ctx, false, found); err != nil || !n.orders {
		return err
	}
	return n.findUnfinished(ctx, true, found)
}

// findUnfinished adds the unfinished sagas, or orders, of the trigger as the API server has them.
func (n *run) findUnfinished(ctx context.Context, orders bool, found map[member]types.UID) error {
	kind, finals := "Saga", finalPhases
	if orders {
		kind, finals = "OrderWorkflow", finalOrders
	}
	options := &client.ListOptions{
		Namespace: n.key.Namespace, Limit: perPage, FieldSelector: unfinished(finals),
		LabelSelector: labels.SelectorFromSet(labels.Set{v1alpha1.LabelTrigger: n.key.Name}),
	}
	for {
		var page metav1.PartialObjectMetadataList
		page.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		if err := n.list(ctx, &page, options); err != nil {
			return fmt.Errorf("listing unfinished objects of kind %s: %w", kind, err)
		}
		for i := range page.Items {
			found[member{order: orders, NamespacedName: client.ObjectKeyFromObject(&page.Items[i])}] = page.Items[i].UID
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return nil
		}
	}
}

func (n *run) list(ctx context.Context, page client.ObjectList, options *client.ListOptions) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return n.o.Live.List(ctx, page, options)
}

// The phases of what has ended, as ended judges them.
var (
	finalPhases = []string{string(v1alpha1.PhaseCompleted), string(v1alpha1.PhaseCompensated), string(v1alpha1.PhaseRejected)}
	finalOrders = []string{string(v1alpha1.OrderCompleted), string(v1alpha1.OrderCancelled), string(v1alpha1.OrderRejected)}
)

// unfinished selects what has none of the phases.
func unfinished(finals []string) fields.Selector {
	selectors := make([]fields.Selector, len(finals))
	for i, phase := range finals {
		selectors[i] = fields.OneTermNotEqualSelector("status.phase", phase)
	}
	return fields.AndSelectors(selectors...)
}

// survey begins to note what the cache shows to have ended: a list that is being read may not know that.
func (c *Census) survey(trigger types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends[trigger] = map[types.UID]bool{}
}

// surveyed counts what a list since survey has shown to be unfinished, and that does not count yet.
func (c *Census) surveyed(trigger types.NamespacedName, found map[member]types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m, uid := range found {
		if c.seen[trigger][m] || c.made[trigger][m] != nil || c.ends[trigger][uid] {
			continue
		}
		if c.made[trigger] == nil {
			c.made[trigger] = map[member]*addition{}
		}
		c.made[trigger][m] = &addition{since: c.now(), uid: uid, ended: map[types.UID]bool{}}
	}
	delete(c.ends, trigger)
}
