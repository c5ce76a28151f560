package replies

import "time"

// Heard says what is known of the reply topic at one moment.
type Heard struct {
	Until         time.Time // every reply that stood there then is in an inbox, or was
	ReadableSince time.Time // since when all of it has been readable without a break; zero: it is not
}

// Take returns the replies to the saga of that UID, in the order of their partition. They stay until settled.
func (i *Inbox) Take(uid string) []Delivery {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.byUID.deliveries(uid)
}

// TakeNamed returns the replies to all sagas that have, or had, this name: some may be for another UID.
func (i *Inbox) TakeNamed(namespace, name string) []Delivery {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.byRef.deliveries(namespace + "/" + name)
}

// Gather returns what was heard and then the replies to the saga, in this order: whoever took the replies first
// could miss one that is read in between, and still believe to have heard everything. Silence may only be judged
// on what one call of Gather returned.
func (i *Inbox) Gather(namespace, name string) (Heard, []Delivery) {
	heard := i.Heard()
	return heard, i.TakeNamed(namespace, name)
}

// Heard says until when the reply topic is known. Take replies after it, never before: see Gather.
func (i *Inbox) Heard() Heard {
	i.mu.Lock()
	source := i.source
	i.mu.Unlock()
	heard := Heard{Until: source.HeardUntil()} // a reply in an inbox counts as heard: it is delivered before this moves on
	if since, ok := source.ReadableSince(); ok {
		heard.ReadableSince = since
	}
	return heard
}

// Sagas lists the sagas that have replies waiting, in no order, so that a new leader can wake them.
func (i *Inbox) Sagas() []Saga {
	i.mu.Lock()
	defer i.mu.Unlock()
	sagas := make([]Saga, 0, len(i.byUID))
	for uid, entries := range i.byUID {
		namespace, name := entries[0].reply.SagaName()
		sagas = append(sagas, Saga{UID: uid, Namespace: namespace, Name: name})
	}
	return sagas
}

// Unsettled returns how many records wait, those for the dead-letter topic included, and what they take, in bytes.
func (i *Inbox) Unsettled() (records int, bytes int64) { return i.ledger.Waiting() }
