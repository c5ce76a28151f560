package trigger

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// fieldManager is under which name the API server notes what triggers write.
const fieldManager = "saga-trigger"

// make makes an object and settles its event. What passes by itself is tried again; what never will is refused.
func (n *run) make(ctx context.Context, next item) {
	m := memberOf(next.object)
	backoff := firstBackoff
	for {
		object := next.object.DeepCopyObject().(client.Object)
		err := n.create(ctx, object)
		switch {
		case err == nil:
			n.census.confirm(n.key, m, object.GetUID())
			n.started(next)
			return
		case apierrors.IsAlreadyExists(err):
			if err = n.recognize(ctx, m); err == nil {
				n.startedBefore(next)
				return
			}
		case unacceptable(err):
			n.census.leave(n.key, m)
			n.refuse(next.record, *n.plan.cause(wire.ReasonObjectRejected, err))
			return
		}
		if ctx.Err() != nil { // the event is read again by who comes next, and known by its name
			return
		}
		n.failed(err)
		pause(ctx, backoff)
		backoff = min(2*backoff, longestWait)
	}
}

// create tries once. It is not cut off when the run ends: until the answer is here, the object may or may not count.
func (n *run) create(ctx context.Context, object client.Object) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	return n.o.Client.Create(ctx, object, client.FieldOwner(fieldManager))
}

func (n *run) started(next item) {
	n.board.clear(troubleQuota)
	n.board.clear(troubleStarts)
	n.tally.start(n.o.Now())
	n.o.Metrics.event(resultStarted).Inc()
	n.settle(next.record)
}

// failed shows what keeps objects from being made.
func (n *run) failed(err error) {
	n.log.V(1).Info("Making a saga failed, trying again", "error", err.Error())
	switch {
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"):
		n.board.set(troubleQuota, why{v1alpha1.ReasonQuotaExceeded, "A ResourceQuota of the namespace allows no more: " + err.Error()})
	case apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		n.board.set(troubleStarts, why{v1alpha1.ReasonStartsFailing, "The API server does not let the operator make it: " + err.Error()})
	default: // without its text, which differs from one try to the next
		n.board.set(troubleStarts, why{v1alpha1.ReasonStartsFailing, "The API server makes no sagas at the moment; what is to start waits"})
	}
}

// unacceptable says whether the API server will never take the object.
func unacceptable(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// recognize counts what exists under the name already, if it is the trigger's and unfinished.
func (n *run) recognize(ctx context.Context, m member) error {
	object := m.empty()
	err := n.o.Client.Get(ctx, m.NamespacedName, object) // from the cache, as a rule
	if apierrors.IsNotFound(err) {
		err = n.o.Live.Get(ctx, m.NamespacedName, object)
	}
	switch {
	case apierrors.IsNotFound(err): // it was there a moment ago, and is gone
		n.census.leave(n.key, m)
		return nil
	case err != nil:
		return err
	case ended(object), object.GetLabels()[v1alpha1.LabelTrigger] != n.key.Name:
		n.census.leave(n.key, m)
		return nil
	}
	n.census.confirm(n.key, m, object.GetUID())
	return nil
}

// sweep looks at those that the cache has not shown for long.
func (n *run) sweep(ctx context.Context, longer time.Duration) {
	for _, m := range n.census.unseen(n.key, longer) {
		object := m.empty()
		err := n.o.Live.Get(ctx, m.NamespacedName, object)
		if apierrors.IsNotFound(err) || err == nil && (ended(object) || object.GetLabels()[v1alpha1.LabelTrigger] != n.key.Name) {
			n.census.leave(n.key, m)
		}
	}
}

func (m member) empty() client.Object {
	if m.order {
		return &v1alpha1.OrderWorkflow{}
	}
	return &v1alpha1.Saga{}
}
