// Package replies keeps what participants have answered from the moment it is read until it is settled, and knows
// which offsets may be committed: never that of a reply whose effect is not stored.
package replies

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Bounds of what may be unsettled before fetching pauses; it goes on at four fifths of both.
const (
	MaxRecords = 10_000
	MaxBytes   = 64 << 20
)

// Source is the reader of the reply topic.
type Source interface {
	Commit(partition int32, position int64)
	Pause()
	Resume()
	HeardUntil() time.Time
	ReadableSince() (since time.Time, ok bool)
}

// Sender sends dead letters; nil means that the broker has acknowledged them.
type Sender interface {
	Send(ctx context.Context, messages []wire.Message) error
}

// Config says what an inbox works with.
type Config struct {
	Installation string
	Keys         *wire.Keyring
	Sender       Sender
	Wake         func(namespace, name string) // called for every reply, never while a lock is held
	OnDead       func(reason string)          // called for every dead letter that was acknowledged; may be nil
	Now          func() time.Time             // time.Now by default
	Backoff      time.Duration                // before a dead letter is sent again at first; 100 ms by default
	MaxRecords   int                          // MaxRecords by default
	MaxBytes     int64                        // MaxBytes by default
	Log          logr.Logger
}

// Inbox holds the replies that are not settled, by saga. It is the sink of the reader. Safe for concurrent use.
type Inbox struct {
	cfg Config

	mu       sync.Mutex
	source   Source
	trackers map[int32]*tracker
	byUID    index
	byRef    index // <namespace>/<name>: a saga made anew has another UID
	records  int
	bytes    int64
	paused   bool

	condemned chan struct{} // something waits in dead
	dead      []doomed      // replies that no saga will ever see
}

// Delivery is one reply that waits to be settled.
type Delivery struct {
	Reply wire.Reply
	entry *entry
}

// Saga names the saga that a reply is for.
type Saga struct{ UID, Namespace, Name string }

type doomed struct {
	entry  *entry
	reason string
}

// New makes an empty inbox. Attach it to its reader before that runs.
func New(cfg Config) *Inbox {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxRecords <= 0 {
		cfg.MaxRecords = MaxRecords
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = MaxBytes
	}
	if cfg.Backoff <= 0 {
		cfg.Backoff = 100 * time.Millisecond
	}
	return &Inbox{
		cfg: cfg, trackers: map[int32]*tracker{}, byUID: index{}, byRef: index{}, condemned: make(chan struct{}, 1),
	}
}

// Attach gives the inbox its reader, which in turn needs the inbox as its sink.
func (i *Inbox) Attach(source Source) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.source = source
}

// Deliver takes a record from the reader: into its saga's inbox, or towards the dead-letter topic where it is no
// reply, or none that the installation has asked for.
func (i *Inbox) Deliver(_ context.Context, m wire.Message) {
	reply, err := wire.DecodeReply(m)
	reason := wire.ReasonMalformed
	if err == nil {
		reason = wire.ReasonBadToken
		err = wire.VerifyReply(reply, i.cfg.Keys)
	}
	if err != nil {
		i.cfg.Log.V(1).Info("Refusing a reply", "reason", reason, "partition", m.Partition, "offset", m.Offset, "error", err.Error())
		i.condemn(i.admit(m, nil), reason)
		return
	}
	i.admit(m, &reply)
	if i.cfg.Wake != nil {
		i.cfg.Wake(reply.SagaName())
	}
}

// admit counts the record and, where it is a reply, puts it into its saga's inbox.
func (i *Inbox) admit(m wire.Message, reply *wire.Reply) *entry {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := &entry{message: m, reply: reply, size: size(m)}
	i.tracker(m.Partition).add(e)
	if reply != nil {
		i.byUID.add(reply.SagaUID, e)
		i.byRef.add(reply.SagaRef, e)
	}
	i.records++
	i.bytes += e.size
	if !i.paused && (i.records >= i.cfg.MaxRecords || i.bytes >= i.cfg.MaxBytes) {
		i.paused = true
		i.source.Pause()
	}
	return e
}

// Advanced takes the reader's position, which may lie beyond the last record.
func (i *Inbox) Advanced(partition int32, position int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	t := i.tracker(partition)
	t.position = position
	i.commit(partition, t)
}

// Reset begins a partition at a position, whatever was before. What waits of it stays in the inboxes, and has no
// say in its offsets any more.
func (i *Inbox) Reset(partition int32, position int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.trackers[partition] = newTracker(position)
}

func (i *Inbox) tracker(partition int32) *tracker {
	t := i.trackers[partition]
	if t == nil {
		t = newTracker(0)
		i.trackers[partition] = t
	}
	return t
}

// commit tells the reader what may be committed, where that has changed.
func (i *Inbox) commit(partition int32, t *tracker) {
	if t == i.trackers[partition] {
		if position, changed := t.commit(); changed {
			i.source.Commit(partition, position)
		}
	}
}

// Settle says that the effects of the deliveries are stored, or that they never have any: their offsets may be
// committed. Settling again changes nothing.
func (i *Inbox) Settle(deliveries ...Delivery) {
	entries := make([]*entry, len(deliveries))
	for n, d := range deliveries {
		entries[n] = d.entry
	}
	i.settle(entries)
}

func (i *Inbox) settle(entries []*entry) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, e := range entries {
		if !e.tracker.remove(e) {
			continue
		}
		if e.reply != nil {
			i.byUID.remove(e.reply.SagaUID, e)
			i.byRef.remove(e.reply.SagaRef, e)
		}
		i.records--
		i.bytes -= e.size
		i.commit(e.message.Partition, e.tracker)
	}
	if i.paused && i.records <= i.cfg.MaxRecords*4/5 && i.bytes <= i.cfg.MaxBytes*4/5 {
		i.paused = false
		i.source.Resume()
	}
}

// DeadLetter keeps a delivery on the dead-letter topic and settles it once the broker has acknowledged that. On an
// error the delivery still waits.
func (i *Inbox) DeadLetter(ctx context.Context, d Delivery, reason string) error {
	return errors.Join(i.bury(ctx, []doomed{{d.entry, reason}})...)
}
