package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"github.com/sagas-dev/saga-operator/internal/config"
)

func TestReadyzHasALineForEachProbe(t *testing.T) {
	p := probes{
		simple("clock", func() error { return nil }),
		simple("topics", func() error { return errors.New("topics: missing: a.saga.replies") }),
	}
	recorder := httptest.NewRecorder()
	p.handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if want := "[+] clock: ok\n[-] topics: missing: a.saga.replies\n"; recorder.Code != http.StatusServiceUnavailable || recorder.Body.String() != want {
		t.Errorf("%d %q; want 503 %q", recorder.Code, recorder.Body.String(), want)
	}
	recorder = httptest.NewRecorder()
	p[:1].handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if recorder.Code != http.StatusOK {
		t.Errorf("code %d; want 200", recorder.Code)
	}
	recorder = httptest.NewRecorder()
	p.handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	if recorder.Code != http.StatusOK {
		t.Errorf("code %d of /healthz; want 200: what is missing outside is no reason to restart", recorder.Code)
	}
}

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) logger() logr.Logger {
	return funcr.New(func(_, args string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = append(l.all, args)
	}, funcr.Options{})
}

func TestARequirementTellsWhenItsTroubleBeginsChangesAndEnds(t *testing.T) {
	log := &lines{}
	r := newRequirement("kubernetes", time.Minute, log.logger(), nil)
	if _, err := r.ready(); err == nil {
		t.Error("ready before it was looked at")
	}
	away, forbidden := errors.New("away"), errors.New("forbidden")
	for i, step := range []struct {
		err  error
		wait time.Duration
		told int // lines so far
	}{
		{away, time.Second, 1}, {errors.New("away"), 2 * time.Second, 1}, {forbidden, 4 * time.Second, 2}, {forbidden, 8 * time.Second, 2},
		{forbidden, 10 * time.Second, 2}, {nil, time.Minute, 3}, {nil, time.Minute, 3}, {away, time.Second, 4}, {nil, time.Minute, 5},
	} {
		if wait := r.note(step.err); wait != step.wait || len(log.all) != step.told {
			t.Errorf("step %d: waits %s after %d lines; want %s after %d", i, wait, len(log.all), step.wait, step.told)
		}
		if _, err := r.ready(); (err == nil) != (step.err == nil) || err != nil && err.Error() != "kubernetes: "+step.err.Error() {
			t.Errorf("step %d: readyz says %v", i, err)
		}
	}
	select {
	case <-r.met:
	default:
		t.Error("it held, and is not met")
	}
}

func TestARequirementThatHoldsAtOnceIsNotTalkedAbout(t *testing.T) {
	log := &lines{}
	r := newRequirement("kubernetes", time.Minute, log.logger(), nil)
	if r.note(nil); len(log.all) != 0 {
		t.Errorf("lines %q", log.all)
	}
}

func TestARequirementIsLookedAtWhenSomebodyAsks(t *testing.T) {
	looks := make(chan struct{}, 100)
	r := newRequirement("kubernetes", time.Hour, logr.Discard(), func(context.Context) error { looks <- struct{}{}; return nil })
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- r.run(ctx) }()
	<-looks
	r.look()
	<-looks
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

func TestTheLeaseIsInTheNamespaceThatWasNamed(t *testing.T) {
	for named, want := range map[string]string{"ops": "ops", "": "default"} {
		got, err := leaseNamespace(config.Config{LeaseNamespace: named})
		if err != nil || got != want {
			t.Errorf("%q: %q, error %v; want %q", named, got, err, want)
		}
	}
}

func TestTheClientWaitsForItsOwnWritesWhereItCan(t *testing.T) {
	for _, test := range []struct {
		namespaces []string
		want       bool
	}{{nil, true}, {[]string{"a"}, true}, {[]string{"a", "b"}, false}} {
		options := managerOptions(config.Config{Namespaces: test.namespaces, ShutdownTimeout: 10 * time.Second}, nil, funcr.New(func(string, string) {}, funcr.Options{}))
		if got := *options.Client.Cache.EnableReadYourWritesConsistency; got != test.want || len(options.Cache.DefaultNamespaces) != len(test.namespaces) {
			t.Errorf("%v: waits: %t; want %t", test.namespaces, got, test.want)
		}
	}
}
