package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for name, c := range map[string]struct {
		sorted  []time.Duration
		percent float64
		want    time.Duration
	}{
		"half of a hundred are at most the fiftieth":         {hundred, 50, 50},
		"99 of a hundred are at most the ninety-ninth":       {hundred, 99, 99},
		"of one value every percentile is that value":        {hundred[:1], 95, 1},
		"half of three are at most the second":               {hundred[:3], 50, 2},
		"nothing has no percentile, and that is no accident": {nil, 50, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := percentile(c.sorted, c.percent); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestWritesAreCountedByKindAndReadsAndLeasesAreNot(t *testing.T) {
	got := countWrites(controlplane.Requests{
		{Verb: "POST", Group: "sagas.dev", Resource: "sagas", Code: "201"}:                                 3,
		{Verb: "PUT", Group: "sagas.dev", Resource: "sagas", Subresource: "status", Code: "200"}:           12,
		{Verb: "PUT", Group: "sagas.dev", Resource: "sagas", Subresource: "status", Code: "409"}:           1,
		{Verb: "GET", Group: "sagas.dev", Resource: "sagas", Code: "200"}:                                  50,
		{Verb: "PUT", Group: "coordination.k8s.io", Resource: "leases", Code: "200"}:                       7,
		{Verb: "PATCH", Group: "flowcontrol.apiserver.k8s.io", Resource: "flowschemas", Code: "200"}:       2,
		{Verb: "POST", Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews", Code: "201"}:   43,
		{Verb: "PUT", Group: "sagas.dev", Resource: "sagadefinitions", Subresource: "status", Code: "200"}: 5,
	})
	want := writes{total: 16, upkeep: 57, kinds: map[string]int{"POST sagas": 3, "PUT sagas/status": 12, "PUT sagas/status (409)": 1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(writes{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"PUT sagas/status", "POST sagas", "PUT sagas/status (409)"}, got.sorted()); diff != "" {
		t.Error(diff)
	}
}

func TestEndsAreReachedOneAfterTheOtherAndStrangersDoNotCount(t *testing.T) {
	e := &ends{reached: map[string]end{}, told: map[string]chan time.Time{}}
	completedAt := e.expect("a")
	e.expect("b")
	see := func(name string, kind watch.EventType, at int64, finalizers ...string) {
		object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: finalizers}}
		e.see(name, endNow(object, kind), time.Unix(at, 0))
	}
	left := func() [3]int { return [3]int{e.missing(completed), e.missing(settled), e.missing(gone)} }
	for _, step := range []struct {
		what string
		do   func()
		want [3]int // not yet completed, settled, gone
	}{
		{"a stranger completes", func() { see("x", watch.Added, 1) }, [3]int{2, 2, 2}},
		{"a completes", func() { see("a", watch.Added, 2, v1alpha1.FinalizerSaga) }, [3]int{1, 2, 2}},
		{"a is seen again", func() { see("a", watch.Modified, 3, v1alpha1.FinalizerSaga) }, [3]int{1, 2, 2}},
		{"a is settled", func() { see("a", watch.Modified, 4) }, [3]int{1, 1, 2}},
		{"a goes", func() { see("a", watch.Deleted, 5) }, [3]int{1, 1, 1}},
		{"b goes, and nothing was seen before", func() { see("b", watch.Deleted, 6) }, [3]int{0, 0, 0}},
	} {
		step.do()
		if got := left(); got != step.want {
			t.Fatalf("after %q: %v are missing, want %v", step.what, got, step.want)
		}
	}
	if got := <-completedAt; !got.Equal(time.Unix(2, 0)) {
		t.Errorf("a was completed at %v, not when it was seen first", got)
	}
}

func TestOnlyAnExactBarEndsTheRunWithAnError(t *testing.T) {
	for name, c := range map[string]struct {
		writes int
		want   bool
	}{
		"as many writes as allowed":       {70, false},
		"one write more for all together": {71, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReport(options{format: "text"}, time.Now())
			r.share(bare{before: 100, after: 100}) // 0%: missed, but not exact
			r.writes("a saga", writes{total: c.writes}, 10, 7)
			if got := r.exactMissed(); got != c.want {
				t.Errorf("exactMissed is %v", got)
			}
		})
	}
}

func TestTheReportSaysWhatPassedInBothFormats(t *testing.T) {
	r := newReport(options{waiting: 10, window: time.Minute}, time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	r.speed(result{took: 2 * time.Second, latencies: []time.Duration{time.Second, time.Second}}, costs{manager: 1, apiServer: 3}, 64<<20)
	r.share(bare{before: 1, after: 0.5, cpu: 1})
	r.writes("a saga", writes{total: 14, kinds: map[string]int{"PUT sagas/status": 14}}, 2, 7)
	r.idle(idle{reconciles: map[string]int{"saga": 1}})
	for format, want := range map[string][]string{
		"text":     {"2026-11-22 10:00 UTC", "133%", "50% (1000.0 of 2000.0 ms per saga)", "differ by 67%", "reconciles while sagas wait", "missed"},
		"markdown": {"| CPU per saga: manager | 500.0 ms (25%) |", "| writes for a saga | 7 | at most 7 | passed |", "| reconciles: saga | 1 |"},
	} {
		var out strings.Builder
		if err := r.print(&out, format); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: %q is not in\n%s", format, w, out.String())
			}
		}
	}
}

func TestFlags(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string // of the error; empty: none
	}{
		"the defaults are fine":                     {nil, ""},
		"what follows two dashes is the manager's":  {[]string{"--", "--concurrency=64"}, ""},
		"a format that does not exist is refused":   {[]string{"-o", "yaml"}, "text or markdown"},
		"no sagas at all are refused":               {[]string{"--sagas", "0"}, "at least 1"},
		"waiting sagas may be left out":             {[]string{"--waiting", "0"}, ""},
		"a window of no duration is a flag's error": {[]string{"--window", "long"}, "invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := optionsFrom(c.args)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
