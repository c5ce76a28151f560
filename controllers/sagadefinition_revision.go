package controllers

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

// maxCollisions bounds how many names are tried for one revision.
const maxCollisions = 100

// revisionOf returns the name of the revision that holds the definition as it is now, and makes it where there is none.
// One that is going away is passed over: nothing may be pinned to it any more.
func (r *SagaDefinitionReconciler) revisionOf(ctx context.Context, def *v1alpha1.SagaDefinition) (string, error) {
	var known appsv1.ControllerRevisionList
	err := r.Client.List(ctx, &known, client.InNamespace(def.Namespace), client.MatchingLabels{v1alpha1.LabelDefinition: revision.Label(def.Name)})
	if err != nil {
		return "", fmt.Errorf("listing revisions: %w", err)
	}
	var latest int64
	for i := range known.Items {
		rev := &known.Items[i]
		if usable(rev, def) {
			return rev.Name, nil
		}
		latest = max(latest, rev.Revision)
	}
	return r.createRevision(ctx, def, latest+1)
}

func (r *SagaDefinitionReconciler) createRevision(ctx context.Context, def *v1alpha1.SagaDefinition, number int64) (string, error) {
	for collisions := range maxCollisions {
		rev, err := revision.New(def, number, collisions)
		if err != nil {
			return "", err
		}
		err = r.Client.Create(ctx, rev)
		if err == nil {
			ctrl.LoggerFrom(ctx).Info("Made revision", "revision", rev.Name, "number", rev.Revision)
			return rev.Name, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return "", fmt.Errorf("creating %q: %w", rev.Name, err)
		}
		taken := &appsv1.ControllerRevision{}
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(rev), taken); err != nil {
			return "", fmt.Errorf("reading %q, which exists: %w", rev.Name, err) // gone meanwhile: made on the next try
		}
		if usable(taken, def) {
			return taken.Name, nil
		}
	}
	return "", fmt.Errorf("%d names for a revision of %q are taken", maxCollisions, def.Name)
}

// usable says whether sagas of the definition may be pinned to the revision.
func usable(rev *appsv1.ControllerRevision, def *v1alpha1.SagaDefinition) bool {
	return rev.DeletionTimestamp.IsZero() && metav1.IsControlledBy(rev, def) && revision.Same(rev, def.Spec)
}

// goingAway passes on that a revision is being deleted or is gone: its definition needs another.
func goingAway() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
		},
	}
}

// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;update;delete
// +kubebuilder:rbac:groups=sagas.dev,resources=sagas;sagatriggers,verbs=get;list;watch

// RevisionReconciler keeps revisions that are deleted until no unfinished saga is pinned to them, and deletes those that were
// replaced and have not been used for an hour.
type RevisionReconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server, before a revision is let go.
	Live client.Reader
	// Clock tells how long ago a revision was deleted, or used.
	Clock clock.PassiveClock
}

// Reconcile holds, deletes or releases one revision.
func (r *RevisionReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	found := &appsv1.ControllerRevision{}
	if err := r.Client.Get(ctx, request.NamespacedName, found); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	switch {
	case found.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(found, v1alpha1.FinalizerInUse):
		return ctrl.Result{}, holdInUse(ctx, r.Client, found) // that wakes it again
	case found.DeletionTimestamp.IsZero():
		return r.expire(ctx, found)
	}
	user, after, err := r.users().look(ctx, found, func(_ context.Context, saga *v1alpha1.Saga) (bool, error) {
		return saga.Status.Revision == found.Name, nil
	})
	if err != nil || after > 0 {
		logHeld(ctx, user)
		return ctrl.Result{RequeueAfter: after}, err
	}
	return ctrl.Result{}, releaseInUse(ctx, r.Client, found)
}

func (r *RevisionReconciler) users() sagaUsers {
	return sagaUsers{cached: r.Client, live: r.Live, now: func() time.Time { return r.Clock.Now() }}
}

// SetupWithManager registers the reconciler. It wakes for the revisions of definitions, when a definition gets another, when a saga
// of one begins or ends, when a trigger begins or ends to start sagas of it, and at once for sagas that end while one is being
// deleted.
func (r *RevisionReconciler) SetupWithManager(manager ctrl.Manager) error {
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelDefinition] != "" })
	deleted := deletedIn(r.Client, func() client.ObjectList { return &appsv1.ControllerRevisionList{} }, client.HasLabels{v1alpha1.LabelDefinition})
	return ctrl.NewControllerManagedBy(manager).
		Named("revision").
		For(&appsv1.ControllerRevision{}, builder.WithPredicates(ours)).
		Watches(&v1alpha1.Saga{}, handler.EnqueueRequestsFromMapFunc(deleted), builder.WithPredicates(sagaEnded())).
		Watches(&v1alpha1.Saga{}, revisionsUsed()).
		Watches(&v1alpha1.SagaTrigger{}, handler.EnqueueRequestsFromMapFunc(startedWith), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.SagaDefinition{}, handler.EnqueueRequestsFromMapFunc(r.revisionsOf), builder.WithPredicates(judgedAnew())).
		Complete(r)
}

// pinnedSpec returns what a saga's revision says, or nil where it is gone.
func pinnedSpec(ctx context.Context, reader client.Reader, namespace, name string) (*v1alpha1.SagaDefinitionSpec, error) {
	rev := &appsv1.ControllerRevision{}
	if err := reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, rev); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	spec, err := revision.Spec(rev)
	if err != nil {
		return nil, err
	}
	return &spec, nil
}
