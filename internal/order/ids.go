package order

import (
	"encoding/json"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// maxID is the longest id that the order's status takes.
const maxID = 128

// ids are what the services know the parts of the order by.
type ids struct {
	Reservation id `json:"reservationId"`
	Payment     id `json:"paymentId"`
	Shipment    id `json:"shipmentId"`
}

// id is a string or a number of a step's output. Anything else is no id, and neither is what is longer than maxID.
type id string

// UnmarshalJSON never fails: one odd value must not hide the others.
func (i *id) UnmarshalJSON(raw []byte) error {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
	case json.Unmarshal(raw, &number) == nil:
		text = number.String()
	}
	if len(text) <= maxID {
		*i = id(text)
	}
	return nil
}

// idsOf collects the ids of what stands: the outputs of the steps, without those that were undone. Of two steps that
// answer the same key, the later one counts.
func idsOf(steps []v1alpha1.StepStatus) ids {
	var all ids
	for _, step := range steps {
		if step.Output == nil || step.State == v1alpha1.StepCompensated {
			continue
		}
		var found ids
		if err := json.Unmarshal(step.Output.Raw, &found); err != nil {
			continue // the saga's business: only objects are kept as outputs
		}
		all = all.with(found)
	}
	return all
}

func (i ids) with(later ids) ids {
	for _, pair := range []struct{ to, from *id }{
		{&i.Reservation, &later.Reservation}, {&i.Payment, &later.Payment}, {&i.Shipment, &later.Shipment},
	} {
		if *pair.from != "" {
			*pair.to = *pair.from
		}
	}
	return i
}
