package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// upkeep are the API groups whose writes are no saga's: leader election, what the API server does for itself, and the manager's
// questions about its permissions, which store nothing.
var upkeep = []string{"coordination.k8s.io", "flowcontrol.apiserver.k8s.io", "apiregistration.k8s.io", "authorization.k8s.io"}

// isUpkeep says whether a write is no saga's. How many sagas a definition has is written every ten seconds at most, however many they are.
func isUpkeep(r controlplane.Request) bool {
	return slices.Contains(upkeep, r.Group) || r.Resource == "sagadefinitions" && r.Subresource == "status"
}

// writes are the write requests of a time, refused ones included, by kind.
type writes struct {
	kinds  map[string]int // by "VERB group/resource/subresource (code)"; 2xx codes are left out
	total  int
	upkeep int // not in the above
}

// counting returns the writes that the API server counts while do runs, and until it is quiet again.
func (b *bench) counting(ctx context.Context, do func() error) (writes, error) {
	before, err := b.quiet(ctx)
	if err != nil {
		return writes{}, err
	}
	if err := do(); err != nil {
		return writes{}, err
	}
	after, err := b.quiet(ctx)
	return countWrites(after.Since(before)), err
}

// quiet returns the API server's counts once no write has been added for a moment: it counts a request only after it is answered.
func (b *bench) quiet(ctx context.Context) (controlplane.Requests, error) {
	const moment = 500 * time.Millisecond
	last, err := b.Plane.Requests(ctx)
	for range 120 {
		if err != nil {
			return nil, err
		}
		if err := pause(ctx, moment); err != nil {
			return nil, err
		}
		var now controlplane.Requests
		now, err = b.Plane.Requests(ctx)
		if err == nil && countWrites(now.Since(last)).total == 0 {
			return now, nil
		}
		last = now
	}
	return nil, fmt.Errorf("writes go on after %s", 120*moment)
}

func countWrites(requests controlplane.Requests) writes {
	w := writes{kinds: map[string]int{}}
	for request, n := range requests {
		switch {
		case !request.IsWrite():
		case isUpkeep(request):
			w.upkeep += n
		default:
			w.kinds[kindOf(request)] += n
			w.total += n
		}
	}
	return w
}

func kindOf(r controlplane.Request) string {
	kind := r.Verb + " " + r.Resource
	if r.Subresource != "" {
		kind += "/" + r.Subresource
	}
	if !strings.HasPrefix(r.Code, "2") {
		kind += " (" + r.Code + ")"
	}
	return kind
}

// sorted are the kinds, the most frequent first.
func (w writes) sorted() []string {
	kinds := make([]string, 0, len(w.kinds))
	for kind := range w.kinds {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int { return cmp.Or(w.kinds[b]-w.kinds[a], cmp.Compare(a, b)) })
	return kinds
}

// pause waits, unless ctx is done before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
