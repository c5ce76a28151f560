package clockskew

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// theirs is what the API server's clock shows, in whole seconds as its Date header has it.
var theirs = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// apiServer answers with the date, whatever it is asked, as one that refuses does.
func apiServer(t *testing.T, date string) *url.URL {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = []string{date}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// clock shows start, and later by trip each time it is read.
func clock(start time.Time, trip time.Duration) func() time.Time {
	next := start
	return func() time.Time {
		now := next
		next = next.Add(trip)
		return now
	}
}

func TestTheOffsetIsWhatTheMeasurementCannotExplain(t *testing.T) {
	for name, test := range map[string]struct {
		ours time.Time // when the request left, by our clock
		trip time.Duration
		want time.Duration
	}{
		"equal clocks": {theirs, 0, 0},
		"within the second that the date cuts off": {theirs.Add(999 * time.Millisecond), 0, 0},
		"ahead":                                  {theirs.Add(8 * time.Second), 0, 7 * time.Second},
		"behind":                                 {theirs.Add(-8 * time.Second), 0, -8 * time.Second},
		"half the round trip is not the clock's": {theirs.Add(7 * time.Second), 2 * time.Second, 6 * time.Second},
		"a slow answer counts in the clock's favour": {theirs.Add(-time.Second), 2 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			meter := newMeter(http.DefaultClient, apiServer(t, theirs.Format(http.TimeFormat)), clock(test.ours, test.trip))
			got, err := meter.Offset(t.Context())
			if err != nil || got != test.want {
				t.Errorf("offset %s, error %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestWhatSaysNothingAboutTheClockIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		date string
		trip time.Duration
		want string
	}{
		"no date":                    {"", 0, ErrNoDate.Error()},
		"a date that is none":        {"yesterday", 0, ErrNoDate.Error()},
		"an answer that took 3 s":    {theirs.Format(http.TimeFormat), 3 * time.Second, "took 3s"},
		"a server that is not there": {"away", 0, "asking for the API server's time"},
	} {
		t.Run(name, func(t *testing.T) {
			address := apiServer(t, test.date)
			if test.date == "away" {
				address = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
			}
			_, err := newMeter(http.DefaultClient, address, clock(theirs, test.trip)).Offset(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %q", err, test.want)
			}
		})
	}
}

// sky is a clock whose offset the test sets; it may be away.
type sky struct {
	offset atomic.Int64
	away   atomic.Bool
	asked  chan struct{} // one for each comparison, as far as somebody listens
}

func (s *sky) Offset(context.Context) (time.Duration, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	if s.away.Load() {
		return 0, errors.New("away")
	}
	return time.Duration(s.offset.Load()), nil
}

// runGuard starts a guard that compares every millisecond, and returns what it ends with.
func runGuard(t *testing.T, s *sky, log logr.Logger) (*Guard, <-chan error) {
	t.Helper()
	guard := NewGuard(Options{Offset: s.Offset, Every: time.Millisecond, SoonEvery: time.Millisecond, Log: log})
	ctx, stop := context.WithCancel(context.Background())
	ended, over := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(over)
		ended <- guard.Start(ctx)
	}()
	t.Cleanup(func() { stop(); <-over })
	return guard, ended
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// lease remembers what was done to it.
type lease struct {
	resourcelock.Interface
	record resourcelock.LeaderElectionRecord
	reads  int
}

func (l *lease) Identity() string { return "me" }
func (l *lease) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	l.reads++
	return &l.record, nil, nil
}
func (l *lease) Update(_ context.Context, r resourcelock.LeaderElectionRecord) error {
	l.record = r
	return nil
}

func TestAManagerWhoseClockIsOffDoesNotEvenLookAtTheLease(t *testing.T) {
	s := &sky{}
	s.offset.Store(int64(-6 * time.Second))
	lines := make(chan string, 1000)
	guard, _ := runGuard(t, s, funcr.New(func(_, args string) { lines <- args }, funcr.Options{}))
	held := &lease{}
	lock := guard.Lock(held)
	if line := <-lines; !strings.Contains(line, "Not leading because of the clock") || !strings.Contains(line, "at least 6s behind") {
		t.Errorf("log line %s", line)
	}
	if err := guard.Err(); !errors.Is(err, ErrSkewed) {
		t.Errorf("readyz says %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := lock.Get(short); !errors.Is(err, ErrSkewed) || held.reads != 0 {
		t.Errorf("error %v after %d reads; want %v and none", err, held.reads, ErrSkewed)
	}
	s.offset.Store(int64(-5 * time.Second)) // on the bound is within it
	if _, _, err := lock.Get(soon(t)); err != nil || held.reads != 1 {
		t.Errorf("error %v after %d reads; want none and 1", err, held.reads)
	}
	if err := guard.Err(); err != nil {
		t.Errorf("readyz says %v still", err)
	}
	if line := <-lines; !strings.Contains(line, "The clock is fine again") || len(lines) != 0 {
		t.Errorf("then %q and %d more lines; want that it is fine, and nothing in between", line, len(lines))
	}
}

func TestAClockThatDriftsWhileLeadingEndsTheManagerWhichReleasesItsLease(t *testing.T) {
	s := &sky{}
	guard, ended := runGuard(t, s, logr.Discard())
	held := &lease{}
	lock := guard.Lock(held)
	if _, _, err := lock.Get(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := lock.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
		t.Fatal(err)
	}
	s.offset.Store(int64(time.Minute))
	select {
	case err := <-ended:
		if !errors.Is(err, ErrSkewed) || !strings.Contains(err.Error(), "giving up leadership") {
			t.Errorf("ended with %v", err)
		}
	case <-soon(t).Done():
		t.Fatal("the guard let it go on")
	}
	if _, _, err := lock.Get(soon(t)); err != nil { // as the release does first
		t.Errorf("the lease cannot be read for its release: %v", err)
	}
	if err := lock.Update(t.Context(), resourcelock.LeaderElectionRecord{}); err != nil || held.record.HolderIdentity != "" {
		t.Errorf("the lease was not released: %+v, error %v", held.record, err)
	}
}

func TestAnAPIServerThatIsAwayIsNoReasonToDoubtTheClock(t *testing.T) {
	s := &sky{asked: make(chan struct{})}
	guard, ended := runGuard(t, s, logr.Discard())
	if err := guard.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	guard.leads.Store(true)
	s.away.Store(true)
	for range 3 {
		<-s.asked
	}
	select {
	case err := <-ended:
		t.Errorf("ended with %v", err)
	default:
	}
	if err := guard.Err(); err != nil {
		t.Errorf("readyz says %v", err)
	}
}

func TestNobodyLeadsBeforeTheClockWasComparedOnce(t *testing.T) {
	s := &sky{asked: make(chan struct{})}
	s.away.Store(true)
	guard, _ := runGuard(t, s, logr.Discard())
	<-s.asked
	<-s.asked
	if err := guard.Err(); err == nil || errors.Is(err, ErrSkewed) {
		t.Errorf("readyz says %v; want that it is not known", err)
	}
	s.away.Store(false)
	go func() { // the guard asks on
		for range s.asked {
			continue
		}
	}()
	if err := guard.Wait(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestWithoutAnElectionTheManagerWaitsForItsClockToo(t *testing.T) {
	s := &sky{asked: make(chan struct{})}
	s.offset.Store(int64(time.Hour))
	guard := NewGuard(Options{Offset: s.Offset, SoonEvery: time.Millisecond, Log: logr.Discard()})
	done := make(chan error, 1)
	go func() { done <- guard.Lead(soon(t)) }()
	<-s.asked
	<-s.asked
	s.offset.Store(0)
	if err := <-done; err != nil || !guard.leads.Load() {
		t.Errorf("error %v, leads: %t", err, guard.leads.Load())
	}
}
