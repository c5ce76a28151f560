package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// broker takes what it is sent, unless the message's topic is in trouble.
type broker struct {
	mu      sync.Mutex
	trouble map[string]error // by topic
	sends   int
	sent    []string // ids
	during  func()   // called while a send is under way
}

func (b *broker) Send(_ context.Context, messages []wire.Message) error {
	if b.during != nil {
		b.during()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sends++
	failed := map[int]error{}
	for i, m := range messages {
		if err := b.trouble[m.Topic]; err != nil {
			failed[i] = err
			continue
		}
		b.sent = append(b.sent, string(m.Value))
	}
	if len(failed) > 0 {
		return &kafka.SendError{Failed: failed}
	}
	return nil
}

func (b *broker) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sent)
}

// office is an outbox with a clock that only the test moves.
type office struct {
	*Outbox
	broker *broker
	now    time.Time
	told   []string // ids of acknowledgements
}

func newOffice(change ...func(*Options)) *office {
	o := &office{broker: &broker{trouble: map[string]error{}}, now: noon}
	ready := make(chan struct{})
	close(ready)
	options := Options{
		Producer: o.broker, Now: func() time.Time { return o.now }, Ready: ready,
		Acknowledged: func(_ Saga, item Item) { o.told = append(o.told, item.ID) },
	}
	for _, f := range change {
		f(&options)
	}
	o.Outbox = NewOutbox(options)
	return o
}

func saga(name string) Saga {
	return Saga{UID: "uid-" + name, Namespace: "shop", Name: name, Created: noon}
}

func item(id, topic string) Item {
	return Item{ID: id, Message: wire.Message{Topic: topic, Value: []byte(id)}}
}

func (o *office) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := o.broker.got(); !slices.Equal(got, want) {
		t.Fatalf("sent %v, not %v", got, want)
	}
}

func TestWhatIsOfferedIsSentUntilItIsAcknowledgedAndThenNeverAgain(t *testing.T) {
	o := newOffice()
	o.Offer(saga("x"), []Item{item("1", "t")})
	o.broker.trouble["t"] = kafka.ErrUnavailable
	if available, _ := o.Flush(t.Context()); available {
		t.Fatal("the broker was not there")
	}
	if _, ok := o.Acknowledged("uid-x", "1"); ok || len(o.told) != 0 {
		t.Fatal("acknowledged by nobody")
	}
	delete(o.broker.trouble, "t")
	o.now = o.now.Add(10 * time.Second)
	for range 3 {
		o.Offer(saga("x"), []Item{item("1", "t")})
		o.Flush(t.Context())
	}
	o.expect(t, "1")
	if at, ok := o.Acknowledged("uid-x", "1"); !ok || !at.Equal(o.now) || !slices.Equal(o.told, []string{"1"}) {
		t.Fatalf("acknowledged at %s (%t), told %v", at, ok, o.told)
	}
}

func TestWhatIsNoLongerOfferedIsNeitherSentNorRemembered(t *testing.T) {
	o := newOffice()
	o.Offer(saga("x"), []Item{item("1", "t"), item("2", "t")})
	o.Offer(saga("x"), []Item{item("2", "t")})
	o.Flush(t.Context())
	o.expect(t, "2")
	o.Offer(saga("x"), nil)
	if len(o.sagas) != 0 || len(o.named) != 0 || o.Knows("uid-x", "2", "t") {
		t.Fatal("a saga that asks nothing is remembered")
	}
}

func TestWhatIsDroppedWhileItIsBeingSentTellsNobody(t *testing.T) {
	o := newOffice()
	o.broker.during = func() { o.Offer(saga("x"), nil) }
	o.Offer(saga("x"), []Item{item("1", "t")})
	o.Flush(t.Context())
	if len(o.told) != 0 || len(o.sagas) != 0 {
		t.Fatalf("told %v, %d sagas remembered", o.told, len(o.sagas))
	}
}

func TestAMissingTopicIsLookedForOnceAMinuteAndHoldsNothingElseUp(t *testing.T) {
	o := newOffice()
	o.broker.trouble["none"] = kafka.ErrTopicMissing
	o.Offer(saga("x"), []Item{item("1", "none")})
	o.Offer(saga("y"), []Item{item("2", "t")})
	available, next := o.Flush(t.Context())
	if !available || !next.Equal(noon.Add(time.Minute)) {
		t.Fatalf("available %t, next look at %s", available, next)
	}
	o.expect(t, "2")
	for n := range 59 { // others that are refused must not put off the first
		o.now = o.now.Add(time.Second)
		o.Offer(saga(fmt.Sprint(n)), []Item{item(fmt.Sprint("late-", n), "none")})
		o.Flush(t.Context())
	}
	delete(o.broker.trouble, "none")
	o.now = o.now.Add(time.Second)
	o.Flush(t.Context())
	if got := o.broker.got(); !slices.Contains(got, "1") {
		t.Fatalf("sent %v: the first message waits for those that came after it", got)
	}
}

func TestATopicThatWasFoundIsTriedAtOnce(t *testing.T) {
	o := newOffice()
	o.broker.trouble["none"] = kafka.ErrTopicMissing
	o.Offer(saga("x"), []Item{item("1", "none")})
	o.Flush(t.Context())
	delete(o.broker.trouble, "none")
	o.Flush(t.Context())
	o.expect(t)
	o.Retry()
	o.Flush(t.Context())
	o.expect(t, "1")
}

func TestAMessageFollowsItsParticipantToAnotherTopicUnlessItHasArrived(t *testing.T) {
	o := newOffice()
	o.broker.trouble["old"] = kafka.ErrTopicMissing
	o.Offer(saga("x"), []Item{item("1", "old")})
	o.Flush(t.Context())
	if o.Knows("uid-x", "1", "new") || !slices.Equal(o.Unsent("shop"), []string{"x"}) || o.Unsent("other") != nil {
		t.Fatalf("unsent: %v", o.Unsent("shop"))
	}
	o.Offer(saga("x"), []Item{item("1", "new")})
	o.Flush(t.Context())
	o.Offer(saga("x"), []Item{item("1", "newer")})
	delete(o.broker.trouble, "old")
	o.now = o.now.Add(time.Hour)
	o.Flush(t.Context())
	o.expect(t, "1")
	if !o.Knows("uid-x", "1", "newer") || o.Unsent("shop") != nil {
		t.Fatal("what the broker has need not be encoded again")
	}
}

func TestAPartitionThatIsAwayHoldsUpOnlyItsOwnMessages(t *testing.T) {
	o := newOffice(func(options *Options) { options.Batch = 8 })
	o.broker.trouble["away"] = kafka.ErrUnavailable
	for n := range 100 {
		old := saga(fmt.Sprint("old-", n))
		old.Created = noon.Add(-time.Hour)
		o.Offer(old, []Item{item(fmt.Sprint("old-", n), "away")})
	}
	for n := range 10 {
		o.Offer(saga(fmt.Sprint(n)), []Item{item(fmt.Sprint(n), "t")})
	}
	for range 20 { // each failing send takes longer than messages are set aside
		o.Flush(t.Context())
		o.now = o.now.Add(10 * time.Second)
	}
	if got := len(o.broker.got()); got != 10 {
		t.Fatalf("%d of 10 messages to a healthy topic left", got)
	}
	delete(o.broker.trouble, "away")
	o.now = o.now.Add(10 * time.Second)
	o.Flush(t.Context())
	if got := len(o.broker.got()); got != 110 {
		t.Fatalf("%d of 110 messages left after the outage", got)
	}
}

func TestASagaThatIsGoneOrMadeAnewIsForgotten(t *testing.T) {
	o := newOffice()
	o.Offer(saga("x"), []Item{item("1", "t")})
	o.Forget("shop", "x")
	o.Offer(saga("y"), []Item{item("2", "t")})
	again := saga("y")
	again.UID = "another"
	o.Offer(again, []Item{item("3", "t")})
	o.Flush(t.Context())
	o.expect(t, "3")
	if len(o.sagas) != 1 || len(o.named) != 1 {
		t.Fatalf("%d sagas remembered under %d names", len(o.sagas), len(o.named))
	}
}

func TestTroubleIsToldOnceWhenItBeginsAndOnceWhenItEnds(t *testing.T) {
	var told []string
	o := newOffice(func(options *Options) {
		options.Trouble = func(topic string, err error) { told = append(told, fmt.Sprintf("%s %t", topic, err != nil)) }
	})
	o.broker.trouble["t"] = kafka.ErrUnavailable
	o.Offer(saga("x"), []Item{item("1", "t"), item("2", "t")})
	for range 3 {
		o.Flush(t.Context())
		o.now = o.now.Add(10 * time.Second)
	}
	delete(o.broker.trouble, "t")
	o.Flush(t.Context())
	if want := []string{"t true", "t false"}; !slices.Equal(told, want) {
		t.Fatalf("told %v, not %v", told, want)
	}
}

func TestNothingLeavesBeforeRepliesWereReadToTheirEnd(t *testing.T) {
	ready := make(chan struct{})
	o := newOffice(func(options *Options) { options.Ready, options.Now = ready, time.Now })
	o.Offer(saga("x"), []Item{item("1", "t")})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := o.Start(ctx); err != nil {
		t.Fatal(err)
	}
	o.expect(t)
	arrived := make(chan struct{})
	o.broker.during = func() { close(arrived) }
	ctx, stop = context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Start(ctx) }()
	close(ready)
	<-arrived
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	o.expect(t, "1")
}

// depth is how many messages wait, as the metric has it.
func depth(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		if family.GetName() == "saga_outbox_messages" {
			for _, m := range family.GetMetric() {
				total += m.GetGauge().GetValue()
			}
		}
	}
	return total
}

func TestTheQueueIsVisibleAsAMetricAndEndsEmpty(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	o := newOffice(func(options *Options) { options.Metrics = metrics })
	o.broker.trouble["none"], o.broker.trouble["away"] = kafka.ErrTopicMissing, kafka.ErrUnavailable
	o.Offer(saga("x"), []Item{item("1", "none"), item("2", "away"), item("3", "t"), item("4", "t")})
	o.Offer(saga("x"), []Item{item("1", "none"), item("2", "away"), item("3", "t")})
	o.Flush(t.Context())
	if n := depth(t, registry); n != 2 {
		t.Fatalf("%v messages wait, not those of the two topics in trouble", n)
	}
	o.Offer(saga("x"), nil)
	o.now = o.now.Add(time.Hour)
	o.Flush(t.Context())
	if n := depth(t, registry); n != 0 || len(o.parked) != 0 {
		t.Fatalf("%v messages wait in %d lots although nothing is offered", n, len(o.parked))
	}
}

func TestManyMayOfferWhileItSends(t *testing.T) {
	o := newOffice(func(options *Options) {
		options.Now, options.Acknowledged, options.MissingTopicWait = time.Now, nil, time.Millisecond
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Start(ctx) }()
	var crowd sync.WaitGroup
	for n := range 8 {
		crowd.Go(func() {
			mine := saga(fmt.Sprint(n))
			for k := range 50 {
				id := fmt.Sprintf("%d-%d", n, k)
				o.Offer(mine, []Item{item(id, "t")})
				for {
					if _, ok := o.Acknowledged(mine.UID, id); ok {
						break
					}
					o.Offer(mine, []Item{item(id, "t")})
				}
			}
			o.Offer(mine, nil)
		})
	}
	for _, err := range []error{kafka.ErrUnavailable, kafka.ErrTopicMissing, nil} {
		o.broker.mu.Lock()
		o.broker.trouble["t"] = err
		o.broker.mu.Unlock()
		o.Retry()
	}
	crowd.Wait()
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := o.broker.got()
	slices.Sort(got)
	if unique := slices.Compact(slices.Clone(got)); len(got) != 400 || len(unique) != 400 {
		t.Fatalf("%d messages, %d of them different; 400 were offered", len(got), len(unique))
	}
}

func TestAnErrorWithoutDetailIsEverybodys(t *testing.T) {
	whole := errors.New("no connection")
	if got := errorOf(whole, 3); !errors.Is(got, whole) {
		t.Fatalf("error %v", got)
	}
	if got := errorOf(&kafka.SendError{Failed: map[int]error{1: whole}}, 3); got != nil {
		t.Fatalf("error %v", got)
	}
}
