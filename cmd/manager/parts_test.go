package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"

	"github.com/sagas-dev/saga-operator/internal/config"
)

func TestReadyzHasALineForEachProbe(t *testing.T) {
	p := probes{
		{"clock", func() error { return nil }},
		{"topics", func() error { return errors.New("topics: missing: a.saga.replies") }},
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

func TestKeysAreReadAgainAndAFailureIsToldOnce(t *testing.T) {
	var loads atomic.Int32
	lines := make(chan string, 100)
	ctx, stop := context.WithCancel(t.Context())
	r := reloader{every: time.Millisecond, log: funcr.New(func(_, args string) { lines <- args }, funcr.Options{}), load: func() error {
		if loads.Add(1) == 5 {
			stop()
		}
		return errors.New("no such file")
	}}
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if loads.Load() < 5 || len(lines) != 1 || !strings.Contains(<-lines, "no such file") {
		t.Errorf("%d loads, %d more lines; want 5 and one line in all", loads.Load(), len(lines))
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
