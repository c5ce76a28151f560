package trigger

import (
	"errors"

	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Verdict is what becomes of an event. Where both are nil the event starts nothing.
type Verdict struct {
	Start   *Start
	Refused *wire.Cause // it belongs on the dead-letter topic
}

var passedOver = Verdict{}

func (p *Plan) refused(reason string, err error) Verdict {
	return Verdict{Refused: p.cause(reason, err)}
}

func (p *Plan) cause(reason string, err error) *wire.Cause {
	return &wire.Cause{Reason: reason, Detail: err.Error(), Trigger: p.Key().String()}
}

// Judge says what becomes of an event. The same event always gets the same verdict.
func (p *Plan) Judge(m wire.Message) Verdict {
	if wire.DeadTwice(m) { // a copy of what this trigger has judged
		return passedOver
	}
	event, err := wire.DecodeCloudEvent(m)
	if errors.Is(err, wire.ErrBody) {
		return p.refused(wire.ReasonInvalidData, err)
	}
	if err != nil {
		return p.refused(wire.ReasonMalformed, err)
	}
	if !takes(p.types, event.Type) {
		return passedOver
	}
	object, err := event.Expression()
	if err != nil {
		return p.refused(wire.ReasonInvalidData, err)
	}
	values := engine.Values{Event: object}
	if p.filter != nil {
		holds, err := p.filter.Holds(values)
		if err != nil {
			return p.refused(wire.ReasonFilterFailed, within("spec.filter", err))
		}
		if !holds {
			return passedOver
		}
	}
	start, err := p.start(event, values)
	if err != nil {
		return p.refused(wire.ReasonMappingFailed, err)
	}
	return Verdict{Start: start}
}
