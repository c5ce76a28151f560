package trigger

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/unsettled"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Bounds of one run.
const (
	maxRecords = 1_000   // records in memory before fetching pauses
	maxBytes   = 4 << 20 // bytes of them
	creators   = 32      // objects that are being made at once
)

// run reads the topic of one trigger, as one state of its spec says, and makes what its events start. It is the sink of its reader.
type run struct {
	*Runs
	key    types.NamespacedName
	plan   *Plan
	log    logr.Logger
	tally  *tally
	cancel context.CancelFunc
	done   chan struct{} // closed once nothing of it is at work any more

	reader  *kafka.Reader
	ledger  *unsettled.Ledger
	letters *deadletter.Queue
	queue   queue
	board   *board
	nudged  chan struct{} // something that the run waits for may have changed

	compiled compiledOf // what was started last; only serve looks at it

	noted chan struct{} // numbers or condition may have changed
	mu    sync.Mutex
	shown Numbers // as they are told
}

// item is an event that starts something.
type item struct {
	*Start
	record *unsettled.Record
}

// newRun makes a run; begin has it work. cancel ends it.
func (r *Runs) newRun(plan *Plan, t *tally) *run {
	n := &run{
		Runs: r, key: plan.Key(), plan: plan, tally: t, done: make(chan struct{}), queue: newQueue(),
		log:    r.o.Log.WithValues("trigger", plan.Key().String(), "topic", plan.trigger.Spec.Topic),
		ledger: unsettled.New(unsettled.Limits{Records: maxRecords, Bytes: maxBytes}),
		nudged: make(chan struct{}, 1), noted: make(chan struct{}, 1), shown: t.numbers(),
	}
	n.board = &board{now: r.o.Now, calm: r.o.Every, notify: n.note}
	n.letters = deadletter.New(deadletter.Config{
		Topic: wire.DeadLettersTopic(r.o.Installation), Sender: r.o.Sender, Now: r.o.Now, OnDead: r.o.Metrics.dead, OnTry: n.lettersTried, Log: n.log,
	})
	n.reader = kafka.NewReader(r.o.Broker, kafka.ReaderConfig{
		Topic: plan.trigger.Spec.Topic, Group: GroupOf(r.o.Installation, n.key), Begin: plan.begin(), Sink: n,
		OnTrouble: n.board.readable, OnReset: n.reset, Log: n.log,
	})
	n.ledger.Attach(n.reader)
	return n
}

// begin works until ctx is done, once what came before it has ended.
func (n *run) begin(ctx context.Context, before <-chan struct{}) {
	defer close(n.done)
	if before != nil {
		<-before
	}
	if n.plan.trigger.Spec.Suspend {
		n.reader.Pause()
	}
	n.log.V(1).Info("Reading events", "suspended", n.plan.trigger.Spec.Suspend)
	var work sync.WaitGroup
	for _, part := range []func(context.Context) error{n.letters.Run, n.serve, n.report, n.reader.Run} {
		work.Go(func() {
			if err := part(ctx); err != nil && ctx.Err() == nil { // cannot be: all of them end with ctx
				n.log.Error(err, "A part of the trigger has ended")
			}
		})
	}
	work.Wait()
}

// Deliver judges an event. What starts something is left to serve, and what is refused to the queue of dead letters.
func (n *run) Deliver(_ context.Context, m wire.Message) {
	record := n.ledger.Add(m)
	switch verdict := n.plan.Judge(m); {
	case verdict.Refused != nil:
		n.refuse(record, *verdict.Refused)
	case verdict.Start != nil:
		n.queue.push(item{verdict.Start, record})
	default:
		n.o.Metrics.event(resultPassed).Inc()
		n.settle(record)
	}
}

// Advanced takes the reader's position.
func (n *run) Advanced(partition int32, position int64) {
	n.ledger.Advanced(partition, position)
	n.note()
}

// Reset takes a partition's new position.
func (n *run) Reset(partition int32, position int64) { n.ledger.Reset(partition, position) }

func (n *run) reset(lost kafka.Reset) {
	n.log.Info("Lost the position in a trigger's topic; reading it from its first message", "partition", lost.Partition, "was", lost.From, "is", lost.To)
}

// settle says that an event is dealt with.
func (n *run) settle(record *unsettled.Record) {
	n.ledger.Settle(record)
	n.note()
}

// refuse sends an event to the dead-letter topic and settles it once it is there.
func (n *run) refuse(record *unsettled.Record, cause wire.Cause) {
	m := record.Message
	n.log.V(1).Info("Refusing an event", "reason", cause.Reason, "partition", m.Partition, "offset", m.Offset, "detail", cause.Detail)
	n.letters.Add(deadletter.Letter{Message: m, Cause: cause, Kept: func() {
		n.tally.refuse()
		n.o.Metrics.event(resultRefused).Inc()
		n.settle(record)
	}})
}

func (n *run) lettersTried(err error) {
	if err == nil {
		n.board.clear(troubleLetters)
		return
	}
	n.board.set(troubleLetters, why{v1alpha1.ReasonBrokerUnavailable, "The dead-letter topic takes no messages; events that are refused wait, and so do those behind them"})
}

// nudge has the run look again at what it waits for. It never waits.
func (n *run) nudge() {
	select {
	case n.nudged <- struct{}{}:
	default:
	}
}

// note asks for a look at numbers and condition. It never waits.
func (n *run) note() {
	select {
	case n.noted <- struct{}{}:
	default:
	}
}

// state returns how the run stands.
func (n *run) state() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	ready, _ := n.ready()
	return State{Ready: ready, Numbers: n.shown}
}

// ready is condition Ready, and when to look again.
func (n *run) ready() (metav1.Condition, time.Time) {
	if n.plan.trigger.Spec.Suspend {
		return metav1.Condition{
			Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSuspended, Message: "It is not read (spec.suspend); what is to start waits in Kafka",
		}, time.Time{}
	}
	return n.board.ready()
}
