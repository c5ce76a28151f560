package devrun

import (
	"context"
	"time"

	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// sender is the way from sagas to the broker. One goroutine calls it.
type sender struct {
	outbox   *dispatch.Outbox
	encoder  outbound.Encoder
	topics   *catalogue
	messages map[string]wire.Message    // commands by id, as they were sent
	once     map[string][]dispatch.Item // by the saga's UID: what is sent once and perhaps not sent yet
	told     func(s *local.Saga, c engine.Command)
}

// Offer encodes what is new and hands all of it to the outbox.
func (d *sender) Offer(s *local.Saga, commands []engine.Command, announcement *engine.Announcement) error {
	items := d.unsent(s)
	for _, c := range commands {
		item, err := d.item(s, c)
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	if announcement != nil {
		m, err := d.encoder.Announcement(s.Identity, s.Object, *announcement)
		if err != nil {
			return err
		}
		items = append(items, dispatch.Item{ID: m.ID, Message: m.Message})
	}
	d.outbox.Offer(sagaOf(s), items)
	return nil
}

// Once keeps the event until the broker has it: here nothing is lost that need not be.
func (d *sender) Once(s *local.Saga, c engine.Command) error {
	item, err := d.item(s, c)
	if err != nil {
		return err
	}
	d.once[s.Identity.UID] = append(d.once[s.Identity.UID], item)
	return nil
}

func (d *sender) unsent(s *local.Saga) []dispatch.Item {
	var items []dispatch.Item
	for _, item := range d.once[s.Identity.UID] {
		if _, ok := d.outbox.Acknowledged(s.Identity.UID, item.ID); !ok {
			items = append(items, item)
		}
	}
	d.once[s.Identity.UID] = items
	return items
}

func (d *sender) item(s *local.Saga, c engine.Command) (dispatch.Item, error) {
	id := d.encoder.CommandID(s.Identity, c)
	if m, ok := d.messages[id]; ok {
		return dispatch.Item{ID: id, Message: m, Backward: c.Direction == engine.Backward, Timeout: c.Timeout}, nil
	}
	m, err := d.encoder.Command(s.Identity, c, d.topics.of(c.Participant))
	if err != nil {
		return dispatch.Item{}, err
	}
	d.messages[id] = m.Message
	d.told(s, c)
	return dispatch.Item{ID: m.ID, Message: m.Message, Backward: m.Backward, Timeout: m.Timeout}, nil
}

// Acknowledged says when the broker took the command.
func (d *sender) Acknowledged(s *local.Saga, c engine.Command) (time.Time, bool) {
	return d.outbox.Acknowledged(s.Identity.UID, d.encoder.CommandID(s.Identity, c))
}

// Announced says whether the broker has the announcement.
func (d *sender) Announced(s *local.Saga, a engine.Announcement) bool {
	_, ok := d.outbox.Acknowledged(s.Identity.UID, outbound.AnnouncementID(s.Identity, a))
	return ok
}

func sagaOf(s *local.Saga) dispatch.Saga {
	return dispatch.Saga{UID: s.Identity.UID, Namespace: s.Identity.Namespace, Name: s.Identity.Name, Created: s.Object.CreationTimestamp.Time}
}

// producer is what stubs send with.
type producer interface {
	Send(ctx context.Context, messages []wire.Message) error
}
