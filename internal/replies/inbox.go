// Package replies keeps what participants have answered from the moment it is read until it is settled, and knows
// which offsets may be committed: never that of a reply whose effect is not stored.
package replies

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/unsettled"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Bounds of what may be unsettled before fetching pauses; it goes on at four fifths of both.
const (
	MaxRecords = 10_000
	MaxBytes   = 64 << 20
)

// Source is the reader of the reply topic.
type Source interface {
	unsettled.Source
	HeardUntil() time.Time
	ReadableSince() (since time.Time, ok bool)
}

// Config says what an inbox works with.
type Config struct {
	Installation string
	Keys         *wire.Keyring
	Sender       deadletter.Sender
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
	cfg     Config
	ledger  *unsettled.Ledger
	letters *deadletter.Queue // what no saga will ever see

	mu     sync.Mutex
	source Source
	byUID  index
	byRef  index // <namespace>/<name>: a saga made anew has another UID
}

// Delivery is one reply that waits to be settled.
type Delivery struct {
	Reply wire.Reply
	entry *entry
}

// Saga names the saga that a reply is for.
type Saga struct{ UID, Namespace, Name string }

// New makes an empty inbox. Attach it to its reader before that runs.
func New(cfg Config) *Inbox {
	if cfg.MaxRecords <= 0 {
		cfg.MaxRecords = MaxRecords
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = MaxBytes
	}
	return &Inbox{
		cfg: cfg, byUID: index{}, byRef: index{},
		ledger: unsettled.New(unsettled.Limits{Records: cfg.MaxRecords, Bytes: cfg.MaxBytes}),
		letters: deadletter.New(deadletter.Config{
			Topic: wire.DeadLettersTopic(cfg.Installation), Sender: cfg.Sender, Now: cfg.Now, Backoff: cfg.Backoff, OnDead: cfg.OnDead, Log: cfg.Log,
		}),
	}
}

// Attach gives the inbox its reader, which in turn needs the inbox as its sink.
func (i *Inbox) Attach(source Source) {
	i.mu.Lock()
	i.source = source
	i.mu.Unlock()
	i.ledger.Attach(source)
}

// Run sends records that are no valid replies to the dead-letter topic until ctx is done. What the broker has not
// acknowledged stays unsettled, and so it is read again after a restart.
func (i *Inbox) Run(ctx context.Context) error { return i.letters.Run(ctx) }

// Deliver takes a record from the reader: into its saga's inbox, or towards the dead-letter topic where it is no
// reply, or none that the installation has asked for. The reader does not wait for that.
func (i *Inbox) Deliver(_ context.Context, m wire.Message) {
	reply, err := wire.DecodeReply(m)
	reason := wire.ReasonMalformed
	if err == nil {
		reason = wire.ReasonBadToken
		err = wire.VerifyReply(reply, i.cfg.Keys)
	}
	if err != nil {
		i.cfg.Log.V(1).Info("Refusing a reply", "reason", reason, "partition", m.Partition, "offset", m.Offset, "error", err.Error())
		i.letters.Add(i.letter(&entry{record: i.ledger.Add(m)}, reason))
		return
	}
	i.admit(m, &reply)
	if i.cfg.Wake != nil {
		i.cfg.Wake(reply.SagaName())
	}
}

// admit puts a reply into its saga's inbox.
func (i *Inbox) admit(m wire.Message, reply *wire.Reply) {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := &entry{record: i.ledger.Add(m), reply: reply}
	i.byUID.add(reply.SagaUID, e)
	i.byRef.add(reply.SagaRef, e)
}

// Advanced takes the reader's position, which may lie beyond the last record.
func (i *Inbox) Advanced(partition int32, position int64) { i.ledger.Advanced(partition, position) }

// Reset begins a partition at a position, whatever was before. What waits of it stays in the inboxes, and has no
// say in its offsets any more.
func (i *Inbox) Reset(partition int32, position int64) { i.ledger.Reset(partition, position) }

// Settle says that the effects of the deliveries are stored, or that they never have any: their offsets may be
// committed. Settling again changes nothing.
func (i *Inbox) Settle(deliveries ...Delivery) {
	entries := make([]*entry, len(deliveries))
	for n, d := range deliveries {
		entries[n] = d.entry
	}
	i.settle(entries...)
}

func (i *Inbox) settle(entries ...*entry) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, e := range entries {
		if len(i.ledger.Settle(e.record)) > 0 && e.reply != nil {
			i.byUID.remove(e.reply.SagaUID, e)
			i.byRef.remove(e.reply.SagaRef, e)
		}
	}
}

// letter is the dead letter of a record, which is settled once it is kept.
func (i *Inbox) letter(e *entry, reason string) deadletter.Letter {
	return deadletter.Letter{Message: e.record.Message, Cause: wire.Cause{Reason: reason}, Kept: func() { i.settle(e) }}
}

// DeadLetter keeps a delivery on the dead-letter topic and settles it once the broker has acknowledged that. On an
// error the delivery still waits.
func (i *Inbox) DeadLetter(ctx context.Context, d Delivery, reason string) error {
	return i.letters.Send(ctx, i.letter(d.entry, reason))
}
