package events

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Settle says that the sagas have dealt with the events: their effect is stored, or there is none. An event's offset may be
// committed once all that it waited for have. Settling again changes nothing.
func (h *Hub) Settle(deliveries ...Delivery) { h.deal(true, deliveries) }

// Pass says that the events are not for these sagas after all.
func (h *Hub) Pass(deliveries ...Delivery) { h.deal(false, deliveries) }

func (h *Hub) deal(taken bool, deliveries []Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range deliveries {
		if !h.release(d.saga, d.entry) {
			continue
		}
		d.entry.taken = d.entry.taken || taken
		if d.entry.dealt == nil {
			d.entry.dealt = map[types.UID]bool{}
		}
		d.entry.dealt[d.saga.UID] = true
		h.finish(d.entry)
	}
}

// DeadLetter keeps a delivery on the dead-letter topic and settles it once the broker has acknowledged that. On an
// error the delivery still waits.
func (h *Hub) DeadLetter(ctx context.Context, d Delivery, reason string) error {
	return h.cfg.Dead.Send(ctx, deadletter.Letter{
		Message: d.entry.record.Message, Cause: wire.Cause{Reason: reason}, Kept: func() { h.Settle(d) },
	})
}

// sweep lets the events go whose grace is over and that nobody listens for. It returns when to sweep again; zero: there are none.
func (h *Hub) sweep() (next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.cfg.Now()
	for first := h.fading.Front(); first != nil; first = h.fading.Front() {
		e := first.Value.(*entry)
		if now.Before(e.until) {
			return e.until
		}
		h.fading.Remove(first)
		e.fading = nil
		h.finish(e)
	}
	return time.Time{}
}
