package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Producer sends messages. An error tells per message whether the broker has it.
type Producer interface {
	Send(ctx context.Context, messages []wire.Message) error
}

// Saga is whose message it is.
type Saga struct {
	UID, Namespace, Name string
	Created              time.Time
}

func (s Saga) key() string { return s.Namespace + "/" + s.Name }

// Item is one message to send, under its id.
type Item struct {
	ID       string
	Message  wire.Message
	Backward bool
	Timeout  time.Duration // how long after the acknowledgement the saga wants to be looked at; 0: at once
	Resend   bool          // was stored before this process could have sent it: paced
}

// Options of an Outbox. Zero values are replaced by defaults.
type Options struct {
	Producer Producer
	Now      func() time.Time
	// Ready is closed once replies have been read to their end: nothing leaves before.
	Ready <-chan struct{}
	// Acknowledged is told of every acknowledgement, after it is recorded.
	Acknowledged func(saga Saga, item Item)
	// Lost is told of every message of Once that the broker did not acknowledge, and why; may be nil.
	Lost func(saga Saga, item Item, err error)
	// Trouble is told when a topic starts to refuse messages, err, and when it takes them again, nil.
	Trouble          func(topic string, err error)
	ResendsPerSecond float64       // 2,000 by default
	Batch            int           // messages sent at once; 256 by default
	MissingTopicWait time.Duration // 1 minute by default
	Metrics          *Metrics      // optional
}

// Outbox sends what it is offered until the broker has acknowledged it. It remembers acknowledgements as long
// as their ids are offered. Safe for concurrent use.
type Outbox struct {
	o       Options
	limiter *rate.Limiter

	mu       sync.Mutex
	sagas    map[string]map[string]*entry // by saga's UID and message id
	named    map[string]string            // UIDs of these by <namespace>/<name>
	once     []*entry                     // to be sent in one try
	queue    fairQueue
	parked   parking
	troubled map[string]bool
	wake     chan struct{}
}

// entry is one message on its way.
type entry struct {
	saga    Saga
	item    Item
	serial  int
	tries   int  // that failed since the broker was not there
	dropped bool // no longer offered
	acked   time.Time
}

// NewOutbox returns an outbox; Start makes it send.
func NewOutbox(o Options) *Outbox {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ResendsPerSecond <= 0 {
		o.ResendsPerSecond = 2000
	}
	if o.Batch <= 0 {
		o.Batch = 256
	}
	if o.MissingTopicWait <= 0 {
		o.MissingTopicWait = time.Minute
	}
	return &Outbox{
		o: o, limiter: rate.NewLimiter(rate.Limit(o.ResendsPerSecond), o.Batch),
		sagas: map[string]map[string]*entry{}, named: map[string]string{}, parked: parking{}, troubled: map[string]bool{}, wake: make(chan struct{}, 1),
	}
}

// Offer says what the saga, as it is stored, has asked and not got answered. What was acknowledged already is not sent
// again; what is no longer offered is not sent any more and forgotten.
func (b *Outbox) Offer(saga Saga, items []Item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if uid, ok := b.named[saga.key()]; ok && uid != saga.UID {
		b.drop(uid) // its predecessor is gone
	}
	known := b.sagas[saga.UID]
	offered := make(map[string]*entry, len(items))
	for _, item := range items {
		if e := known[item.ID]; e != nil && !e.superseded(item) {
			offered[item.ID] = e
			continue
		}
		e := &entry{saga: saga, item: item}
		offered[item.ID] = e
		b.queue.push(e)
		b.o.Metrics.queued(item.Backward, 1)
	}
	for id, e := range known {
		if offered[id] != e {
			e.dropped = true
		}
	}
	if len(offered) == 0 {
		b.drop(saga.UID)
		delete(b.named, saga.key())
	} else {
		b.sagas[saga.UID], b.named[saga.key()] = offered, saga.UID
	}
	b.nudge()
}

// superseded says whether item is the same message, on its way to another topic.
func (e *entry) superseded(item Item) bool {
	return e.acked.IsZero() && item.Message.Topic != "" && item.Message.Topic != e.item.Message.Topic
}

// drop forgets a saga's messages.
func (b *Outbox) drop(uid string) {
	for _, e := range b.sagas[uid] {
		e.dropped = true
	}
	delete(b.sagas, uid)
}

// Forget drops what was offered in the name of a saga that is gone.
func (b *Outbox) Forget(namespace, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := Saga{Namespace: namespace, Name: name}.key()
	if uid, ok := b.named[key]; ok {
		b.drop(uid)
		delete(b.named, key)
	}
}

// Unsent returns the names of the sagas of a namespace that have messages which the broker has not acknowledged.
func (b *Outbox) Unsent(namespace string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, messages := range b.sagas {
		for _, e := range messages {
			if e.saga.Namespace == namespace && e.acked.IsZero() {
				names = append(names, e.saga.Name)
				break
			}
		}
	}
	return names
}

// Acknowledged returns when the broker acknowledged the message, if it did so in this process.
func (b *Outbox) Acknowledged(uid, id string) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.sagas[uid][id]
	if e == nil || e.acked.IsZero() {
		return time.Time{}, false
	}
	return e.acked, true
}

// Knows says whether the message has been offered for that topic, or is acknowledged, so that it need not be encoded again.
func (b *Outbox) Knows(uid, id, topic string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.sagas[uid][id]
	return e != nil && (e.item.Message.Topic == topic || !e.acked.IsZero())
}

// Retry makes parked messages due at once: the topics were seen to be there.
func (b *Outbox) Retry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, lot := range b.parked {
		lot.until = time.Time{}
	}
	b.nudge()
}

func (b *Outbox) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Start sends until ctx ends. It implements manager.Runnable.
func (b *Outbox) Start(ctx context.Context) error {
	select {
	case <-b.o.Ready:
	case <-ctx.Done():
		return nil
	}
	pause := backoff{first: 100 * time.Millisecond, limit: 5 * time.Second}
	for ctx.Err() == nil {
		available, next := b.Flush(ctx)
		if !available {
			sleep(ctx, pause.next())
			continue
		}
		pause.reset()
		b.rest(ctx, next)
	}
	return nil
}

// Flush sends what is due and says whether the broker was there, and when parked messages are due (zero: none are).
func (b *Outbox) Flush(ctx context.Context) (available bool, next time.Time) {
	for ctx.Err() == nil {
		b.sendOnce(ctx)
		batch, next := b.take()
		if len(batch) == 0 {
			return true, next
		}
		b.pace(ctx, batch)
		if !b.send(ctx, batch) {
			return false, next
		}
	}
	return true, time.Time{}
}

// NeedLeaderElection says that only the leader sends.
func (b *Outbox) NeedLeaderElection() bool { return true }

// take returns what is to be sent next, and when parked messages are due.
func (b *Outbox) take() ([]*entry, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.parked.release(b.o.Now(), b.queue.push)
	var batch, later []*entry
	tried := 0
	for len(batch) < b.o.Batch {
		e := b.queue.pop()
		switch {
		case e == nil:
			b.pushAll(later)
			return batch, next
		case e.dropped:
			b.o.Metrics.queued(e.item.Backward, -1)
		case e.tries > 0 && tried >= max(b.o.Batch/triedShare, 1):
			later = append(later, e)
		default:
			tried += min(e.tries, 1)
			batch = append(batch, e)
		}
	}
	b.pushAll(later)
	return batch, next
}

func (b *Outbox) pushAll(entries []*entry) {
	for _, e := range entries {
		b.queue.push(e)
	}
}

// triedShare of a batch, at most, is for messages that failed before: a partition without a leader must not take all slots.
const triedShare = 4

func (b *Outbox) rest(ctx context.Context, until time.Time) {
	var due <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(max(until.Sub(b.o.Now()), time.Millisecond))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-b.wake:
	case <-due:
	}
}

// pace keeps what is sent again after a restart from flooding the participants.
func (b *Outbox) pace(ctx context.Context, batch []*entry) {
	resends := 0
	for _, e := range batch {
		if e.item.Resend {
			resends++
		}
	}
	if resends > 0 {
		_ = b.limiter.WaitN(ctx, resends) // fails only when ctx ends, which the caller sees
	}
}

// send sends a batch and says whether the broker was there.
func (b *Outbox) send(ctx context.Context, batch []*entry) bool {
	messages := make([]wire.Message, len(batch))
	for i, e := range batch {
		messages[i] = e.item.Message
	}
	err := b.o.Producer.Send(ctx, messages)
	now := b.o.Now()
	available := false
	for i, e := range batch {
		switch failure := errorOf(err, i); {
		case failure == nil:
			available = true
			b.acknowledge(e, now)
		case errors.Is(failure, kafka.ErrTopicMissing), errors.Is(failure, kafka.ErrRefused):
			available = true
			b.park(e, e.item.Message.Topic, now.Add(b.o.MissingTopicWait))
			b.trouble(e.item.Message.Topic, failure)
		default:
			b.setAside(e, now)
			b.trouble(e.item.Message.Topic, failure)
		}
	}
	return available
}

// setAside keeps a message that the broker could not take now for a while, longer each time, so that others have their turn.
func (b *Outbox) setAside(e *entry, now time.Time) {
	e.tries = min(e.tries+1, 6)
	wait := 100 * time.Millisecond << e.tries
	b.park(e, "after "+wait.String(), now.Add(wait)) // no topic's name has a blank
}

func (b *Outbox) acknowledge(e *entry, now time.Time) {
	b.mu.Lock()
	e.acked = now
	dropped := e.dropped
	e.item.Message = wire.Message{Topic: e.item.Message.Topic} // the bytes are the broker's now
	b.mu.Unlock()
	b.o.Metrics.queued(e.item.Backward, -1)
	b.o.Metrics.sent(e.item.Backward)
	b.trouble(e.item.Message.Topic, nil)
	if !dropped && b.o.Acknowledged != nil {
		b.o.Acknowledged(e.saga, e.item)
	}
}

func (b *Outbox) park(e *entry, lot string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.dropped {
		b.o.Metrics.queued(e.item.Backward, -1)
		return
	}
	b.parked.park(lot, until, e)
}

// trouble tells of a topic whose state has changed.
func (b *Outbox) trouble(topic string, err error) {
	b.mu.Lock()
	changed := b.troubled[topic] != (err != nil)
	if err != nil {
		b.troubled[topic] = true
	} else {
		delete(b.troubled, topic)
	}
	b.mu.Unlock()
	if changed && b.o.Trouble != nil {
		b.o.Trouble(topic, err)
	}
}

// backoff doubles a pause up to a limit.
type backoff struct{ first, limit, current time.Duration }

func (p *backoff) reset() { p.current = 0 }
func (p *backoff) next() time.Duration {
	p.current = min(max(p.first, 2*p.current), p.limit)
	return p.current
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// errorOf returns why the i-th message of a Send was not acknowledged, or nil.
func errorOf(err error, i int) error {
	var partial *kafka.SendError
	if errors.As(err, &partial) {
		return partial.Failed[i]
	}
	return err
}
