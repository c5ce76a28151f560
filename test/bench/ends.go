package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

var (
	sagas  = v1alpha1.GroupVersion.WithResource("sagas")
	orders = v1alpha1.GroupVersion.WithResource("orderworkflows")
)

// end is how far an object is.
type end int

const (
	running   end = iota
	completed     // its phase says so
	settled       // it has no finalizer any more
	gone
)

// ends sees, through a watch, objects come to their end. The API server selects by phase, so that this costs next to nothing.
type ends struct {
	failed func(error)
	watch  watch.Interface
	cancel context.CancelFunc

	mu      sync.Mutex
	reached map[string]end // by name, of what is expected
	told    map[string]chan time.Time
	count   [gone + 1]int // how many have reached each end
}

// watchEnds begins to watch. It looks only at what is expected.
func watchEnds(ctx context.Context, c metadata.Interface, what schema.GroupVersionResource, failed func(error)) (*ends, error) {
	ctx, cancel := context.WithCancel(ctx)
	w, err := c.Resource(what).Namespace(stage.Shop).Watch(ctx, metav1.ListOptions{
		FieldSelector: "status.phase=" + string(v1alpha1.PhaseCompleted),
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watching %s: %w", what.Resource, err)
	}
	e := &ends{failed: failed, watch: w, cancel: cancel, reached: map[string]end{}, told: map[string]chan time.Time{}}
	go e.run(ctx)
	return e, nil
}

func (e *ends) close() {
	e.cancel() // first: so that the watch's end is no failure
	e.watch.Stop()
}

// expect returns where it will be told when the named object is completed, as the watch sees it.
func (e *ends) expect(name string) <-chan time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	tell := make(chan time.Time, 1)
	e.reached[name], e.told[name] = running, tell
	e.count[running]++
	return tell
}

// missing is how many of what is expected have not reached an end.
func (e *ends) missing(which end) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count[running] - e.count[which]
}

func (e *ends) run(ctx context.Context) {
	for event := range e.watch.ResultChan() {
		object, ok := event.Object.(*metav1.PartialObjectMetadata)
		if !ok {
			if ctx.Err() == nil {
				e.failed(fmt.Errorf("watching: %v", event.Object))
			}
			return
		}
		e.see(object.Name, endNow(object, event.Type), time.Now())
	}
}

func endNow(object *metav1.PartialObjectMetadata, kind watch.EventType) end {
	switch {
	case kind == watch.Deleted:
		return gone
	case len(object.Finalizers) == 0:
		return settled
	}
	return completed
}

func (e *ends) see(name string, now end, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	reached, expected := e.reached[name]
	if !expected {
		return
	}
	for ; reached < now; reached++ {
		e.count[reached+1]++
	}
	e.reached[name] = reached
	if tell := e.told[name]; tell != nil {
		tell <- at
		delete(e.told, name)
	}
}
