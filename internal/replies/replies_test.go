package replies

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

func TestARepliedSagaIsWokenAndKeepsItsRepliesUntilTheyAreSettled(t *testing.T) {
	d := newDesk(t)
	d.read(d.answer(t, "a", 0), d.answer(t, "b", 1), d.answer(t, "a", 2))
	if diff := cmp.Diff([]string{"orders/order-a", "orders/order-b", "orders/order-a"}, d.woken); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	taken := d.Take("a")
	if len(taken) != 2 || len(d.Take("a")) != 2 || len(d.TakeNamed("orders", "order-a")) != 2 {
		t.Fatalf("took %d replies, then %d", len(taken), len(d.Take("a")))
	}
	if taken[0].entry.record.Message.Offset != 0 || taken[1].entry.record.Message.Offset != 2 {
		t.Error("the replies are not in order")
	}
	if got := d.Sagas(); len(got) != 2 {
		t.Errorf("sagas with replies: %v", got)
	}
	d.Settle(taken...)
	d.Settle(taken...)
	if records, _ := d.Unsettled(); len(d.Take("a")) != 0 || records != 1 {
		t.Errorf("after settling %d are left, of all %d", len(d.Take("a")), records)
	}
}

func TestAnOffsetIsCommittedOnlyWhenAllBeforeItIsSettled(t *testing.T) {
	d := newDesk(t)
	d.Reset(0, 10)
	d.read(d.answer(t, "a", 10), d.answer(t, "b", 12), d.answer(t, "c", 15))
	d.Advanced(0, 17) // a transaction's marker stands at 16
	steps := []struct {
		uid  string
		want int64
	}{
		{"b", -1}, // a is not settled: nothing new to commit
		{"a", 15}, // now all before c
		{"c", 17}, // now all, with the marker
	}
	for _, step := range steps {
		d.Settle(d.Take(step.uid)...)
		if got := d.source.last(0); got != step.want {
			t.Errorf("after settling %s, %d is committed, want %d", step.uid, got, step.want)
		}
	}
	d.Advanced(0, 20)
	if got := d.source.last(0); got != 20 {
		t.Errorf("an idle partition at 20 commits %d", got)
	}
}

func TestWhatIsNoReplyOfOursIsADeadLetterBeforeItsOffsetIsCommitted(t *testing.T) {
	var dead []string
	d := newDesk(t, func(c *Config) { c.OnDead = func(reason string) { dead = append(dead, reason) } })
	d.sender.away = true
	d.Reset(0, 0)
	forged := d.answer(t, "a", 0)
	for i, h := range forged.Headers {
		if h.Key == wire.HeaderReplyToken {
			forged.Headers[i].Value = []byte("wrong.token")
		}
	}
	d.read(forged, wire.Message{Topic: "shop.saga.replies", Offset: 1, Value: []byte("hello")})
	d.run(t)
	if len(d.woken) != 0 || len(d.Sagas()) != 0 {
		t.Error("a saga got what is no reply to it")
	}
	if got := d.source.last(0); got != -1 {
		t.Errorf("%d was committed before the dead letters were acknowledged", got)
	}
	d.sender.mu.Lock()
	d.sender.away = false
	d.sender.mu.Unlock()
	eventually(t, "the offsets behind the dead letters", func() bool { return d.source.last(0) == 2 })
	if diff := cmp.Diff([]string{wire.ReasonBadToken, wire.ReasonMalformed}, d.sender.reasons()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if len(dead) != 2 {
		t.Errorf("observed %v", dead)
	}
}

func TestADeadLetterThatIsRefusedHoldsUpOnlyItself(t *testing.T) {
	d := newDesk(t)
	d.sender.refuse = "poison"
	d.Reset(0, 0)
	d.run(t)
	d.read(wire.Message{Offset: 0, Value: []byte("poison")}, wire.Message{Offset: 1, Value: []byte("other")})
	eventually(t, "the other dead letter", func() bool { records, _ := d.Unsettled(); return records == 1 })
	if got := d.source.last(0); got != -1 {
		t.Errorf("%d was committed although the first record is not settled", got)
	}
}

func TestADeliveryIsSettledOnlyOnceItsDeadLetterIsAcknowledged(t *testing.T) {
	d := newDesk(t)
	d.Reset(0, 0)
	d.read(d.answer(t, "a", 0))
	d.sender.refuse = "uid"
	delivery := d.Take("a")[0]
	if err := d.DeadLetter(context.Background(), delivery, wire.ReasonNotAsked); !errors.Is(err, kafka.ErrTopicMissing) {
		t.Errorf("got %v", err)
	}
	if len(d.Take("a")) != 1 {
		t.Fatal("the reply is gone, and nowhere kept")
	}
	d.sender.refuse = ""
	if err := d.DeadLetter(context.Background(), delivery, wire.ReasonNotAsked); err != nil {
		t.Fatal(err)
	}
	if len(d.Take("a")) != 0 || d.source.last(0) != 1 {
		t.Errorf("%d replies wait, %d is committed", len(d.Take("a")), d.source.last(0))
	}
	if diff := cmp.Diff([]string{wire.ReasonNotAsked}, d.sender.reasons()); diff != "" {
		t.Error(diff)
	}
}

func TestFetchingPausesAtTheBoundAndGoesOnBelowIt(t *testing.T) {
	for name, bound := range map[string]func(*Config){
		"in records": func(c *Config) { c.MaxRecords = 10 },
		"in bytes":   func(c *Config) { c.MaxBytes = 10 * 1400 },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, bound)
			for i := range int64(11) {
				d.read(d.answer(t, fmt.Sprint(i), i))
			}
			if !d.source.paused {
				records, bytes := d.Unsettled()
				t.Fatalf("fetching goes on with %d records, %d bytes", records, bytes)
			}
			d.Settle(d.Take("0")...)
			if !d.source.paused {
				t.Error("fetching goes on right below the bound")
			}
			for i := 1; i < 9; i++ {
				d.Settle(d.Take(fmt.Sprint(i))...)
			}
			if d.source.paused {
				t.Error("fetching is still paused")
			}
		})
	}
}

func TestATopicMadeAnewStartsItsOffsetsAnew(t *testing.T) {
	d := newDesk(t)
	d.Reset(0, 100)
	d.read(d.answer(t, "old", 100))
	d.Reset(0, 0)
	d.read(d.answer(t, "new", 0))
	d.Settle(d.Take("old")...)
	if got := d.source.last(0); got != -1 {
		t.Errorf("settling what the old topic held commits %d", got)
	}
	d.Settle(d.Take("new")...)
	if got := d.source.last(0); got != 1 {
		t.Errorf("settling what the new topic holds commits %d", got)
	}
}

func TestSilenceIsKnownFromBeforeTheRepliesAreTaken(t *testing.T) {
	d := newDesk(t)
	d.source.heard = noon.Add(5)
	d.read(d.answer(t, "a", 0))
	heard, replies := d.Gather("orders", "order-a")
	if heard.Until != noon.Add(5) || heard.ReadableSince != noon || len(replies) != 1 {
		t.Errorf("got %v and %d replies", heard, len(replies))
	}
}

// What is committed is always the first unsettled offset, or the reader's position.
func TestCommitsFollowTheFirstUnsettledRecord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t)
		d.Reset(0, 0)
		unsettled := map[int64]bool{}
		next := int64(0)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "read") || len(unsettled) == 0 {
				next += rapid.Int64Range(0, 3).Draw(rt, "gap")
				d.read(d.answer(t, fmt.Sprint(next), next))
				unsettled[next] = true
				next++
				continue
			}
			var offsets []int64
			for offset := range next {
				if unsettled[offset] {
					offsets = append(offsets, offset)
				}
			}
			chosen := rapid.SampledFrom(offsets).Draw(rt, "settled")
			d.Settle(d.Take(fmt.Sprint(chosen))...)
			delete(unsettled, chosen)
			want := next
			for offset := range unsettled {
				want = min(want, offset)
			}
			if got := max(d.source.last(0), 0); got != want {
				rt.Fatalf("%d is committed, the first unsettled is %d", got, want)
			}
		}
	})
}

func TestReadersAndReconcilersMayWorkAtOnce(t *testing.T) {
	d := newDesk(t)
	d.run(t)
	var all sync.WaitGroup
	const sagas, each = 8, 50
	all.Go(func() {
		for i := range int64(sagas * each) {
			d.read(d.answer(t, fmt.Sprint(i%sagas), i))
		}
	})
	for saga := range sagas {
		all.Go(func() {
			eventually(t, "all replies of the saga", func() bool { return len(d.Take(fmt.Sprint(saga))) == each })
			d.Settle(d.Take(fmt.Sprint(saga))...)
		})
	}
	all.Wait()
	eventually(t, "everything to be committed", func() bool { return d.source.last(0) == sagas*each })
}
