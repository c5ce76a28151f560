package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/clockskew"
)

const (
	// releaseGrace is how long a deleted object stays at least: a saga that was being started from the cache when the
	// deletion came is stored by then, and the live list finds it. The deletion is dated by the API server's clock, and a
	// manager's own may be ahead of that by the bound.
	releaseGrace = clockskew.Bound + 5*time.Second
	// lookForUsersEvery is how often sagas are looked through for as long as one is in the way; their ends wake sooner.
	lookForUsersEvery = time.Minute
	// sagasPerPage bounds one page of the live list.
	sagasPerPage = 500
)

// sagaUsers finds the unfinished sagas that need an object which is being deleted.
type sagaUsers struct {
	cached client.Reader
	live   client.Reader
	now    func() time.Time
}

// look returns the name of a saga that needs the object, and when to look again; zero: nobody needs it, it may go. The
// cache can only delay: that nobody needs the object is the word of a live list.
func (u sagaUsers) look(ctx context.Context, object client.Object, needs neededBy) (user string, after time.Duration, err error) {
	age := u.now().Sub(object.GetDeletionTimestamp().Time)
	if age < releaseGrace {
		return "", min(releaseGrace-age, releaseGrace), nil
	}
	user, err = searchUser(ctx, u.cached, 0, object.GetNamespace(), needs)
	if err == nil && user == "" {
		user, err = searchUser(ctx, u.live, sagasPerPage, object.GetNamespace(), needs)
	}
	if err != nil {
		return "", 0, fmt.Errorf("looking for sagas that need it: %w", err)
	}
	if user != "" {
		return user, lookForUsersEvery, nil
	}
	return "", 0, nil
}

// neededBy says whether an unfinished saga needs the object.
type neededBy func(ctx context.Context, saga *v1alpha1.Saga) (bool, error)

// searchUser looks through the sagas of a namespace, in pages of that many; 0, as for the cache: all at once.
func searchUser(ctx context.Context, reader client.Reader, perPage int64, namespace string, needs neededBy) (string, error) {
	options := &client.ListOptions{Namespace: namespace, Limit: perPage}
	for {
		var page v1alpha1.SagaList
		if err := reader.List(ctx, &page, options); err != nil {
			return "", fmt.Errorf("listing sagas: %w", err)
		}
		for i := range page.Items {
			saga := &page.Items[i]
			if final(saga.Status.Phase) && !controllerutil.ContainsFinalizer(saga, v1alpha1.FinalizerSaga) {
				continue
			}
			if found, err := needs(ctx, saga); err != nil || found {
				return saga.Name, err
			}
		}
		if options.Continue = page.Continue; options.Continue == "" || perPage == 0 { // the cache names a next page that it cannot give
			return "", nil
		}
	}
}

// holdInUse puts the finalizer on an object that lacks it.
func holdInUse(ctx context.Context, c client.Client, found client.Object) error {
	return changeFinalizer(ctx, c, found, controllerutil.AddFinalizer, "adding")
}

// releaseInUse takes the finalizer off an object that nobody needs.
func releaseInUse(ctx context.Context, c client.Client, found client.Object) error {
	return changeFinalizer(ctx, c, found, controllerutil.RemoveFinalizer, "removing")
}

func changeFinalizer(ctx context.Context, c client.Client, found client.Object, change func(client.Object, string) bool, doing string) error {
	changed, ok := found.DeepCopyObject().(client.Object)
	if !ok || !change(changed, v1alpha1.FinalizerInUse) {
		return nil
	}
	if err := c.Update(ctx, changed); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("%s the finalizer: %w", doing, err)
	}
	return nil
}

func logHeld(ctx context.Context, user string) {
	if user != "" {
		ctrl.LoggerFrom(ctx).Info("Deletion waits for a saga", "saga", user)
	}
}

// sagaEnded passes on that a saga has ended, is settled or is gone.
func sagaEnded() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			saga, ok := e.ObjectNew.(*v1alpha1.Saga)
			return ok && final(saga.Status.Phase)
		},
	}
}

// deletedIn names the objects of a saga's namespace that are being deleted.
func deletedIn(reader client.Reader, newList func() client.ObjectList, options ...client.ListOption) handler.MapFunc {
	return func(ctx context.Context, saga client.Object) []reconcile.Request {
		list := newList()
		if err := reader.List(ctx, list, append([]client.ListOption{client.InNamespace(saga.GetNamespace())}, options...)...); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Listing what a saga may have needed", "saga", saga.GetName())
			return nil
		}
		objects, err := meta.ExtractList(list)
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Reading the list of what a saga may have needed")
			return nil
		}
		var requests []reconcile.Request
		for _, object := range objects {
			if o, ok := object.(client.Object); ok && !o.GetDeletionTimestamp().IsZero() {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
			}
		}
		return requests
	}
}
