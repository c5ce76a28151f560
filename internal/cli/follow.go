package cli

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// rewatch is how long to wait before a watch that broke is begun anew.
const rewatch = time.Second

// seeing is told of each saga as it is, and again whenever one has changed or is gone. It returns whether it has seen enough.
type seeing func(saga *v1alpha1.Saga, gone bool) (enough bool, err error)

// follow tells see of all sagas that options choose, until it has seen enough, or ctx ends: then its error is that of ctx. Of
// the sagas that are known already, it also tells when one has gone since.
func (s *session) follow(ctx context.Context, see seeing, known []v1alpha1.Saga, options ...client.ListOption) error {
	f := follower{session: s, see: see, options: options, known: map[types.UID]*v1alpha1.Saga{}}
	for i := range known {
		f.known[known[i].UID] = &known[i]
	}
	for {
		enough, err := f.round(ctx)
		if enough || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rewatch):
		}
	}
}

type follower struct {
	*session
	see     seeing
	options []client.ListOption
	known   map[types.UID]*v1alpha1.Saga
}

// round lists once, and watches from there until the watch ends.
func (f *follower) round(ctx context.Context) (enough bool, err error) {
	var all v1alpha1.SagaList
	if err := f.List(ctx, &all, f.options...); err != nil {
		return false, explain(fmt.Errorf("listing sagas: %w", err))
	}
	if enough, err := f.listed(all.Items); enough || err != nil {
		return enough, err
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: all.ResourceVersion}}
	events, err := f.watcher.Watch(ctx, &v1alpha1.SagaList{}, append(f.options, from)...)
	if err != nil {
		return false, explain(fmt.Errorf("watching sagas: %w", err))
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		saga, isSaga := event.Object.(*v1alpha1.Saga)
		if !isSaga {
			return false, nil // the version is too old: list again
		}
		if enough, err := f.tell(saga, event.Type == watch.Deleted); enough || err != nil {
			return enough, err
		}
	}
	return false, ctx.Err()
}

// listed tells of what is there, and of what was and is gone.
func (f *follower) listed(items []v1alpha1.Saga) (enough bool, err error) {
	there := map[types.UID]bool{}
	for i := range items {
		there[items[i].UID] = true
		if enough, err := f.tell(&items[i], false); enough || err != nil {
			return enough, err
		}
	}
	for uid, saga := range f.known {
		if !there[uid] {
			if enough, err := f.tell(saga, true); enough || err != nil {
				return enough, err
			}
		}
	}
	return false, nil
}

func (f *follower) tell(saga *v1alpha1.Saga, gone bool) (bool, error) {
	if gone {
		delete(f.known, saga.UID)
	} else {
		f.known[saga.UID] = saga
	}
	return f.see(saga, gone)
}

// final says whether a saga has ended.
func final(saga *v1alpha1.Saga) bool {
	switch saga.Status.Phase {
	case v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseRejected:
		return true
	case v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating, v1alpha1.PhaseNeedsIntervention:
	}
	return false
}
