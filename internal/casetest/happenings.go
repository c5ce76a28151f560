package casetest

import (
	"cmp"
	"fmt"
	"strings"
	"sync"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// happening is an event, a request or a decision of a case that waits for its moment.
type happening struct {
	field string // where it stands in the case
	Moment
	step  string                        // for a decision without a moment: the step that has to wait
	event func(p *play) engine.Event    // what happens when the moment has come
	told  func(v engine.Verdict) string // what is wrong with what the saga made of it; empty: nothing
	begun bool                          // its moment has come
	done  bool                          // the saga was told
}

// due says whether the moment has come.
func (h *happening) due(s *local.Saga) bool {
	switch {
	case h.begun:
		return false
	case h.AfterStep != "":
		step := s.Step(h.AfterStep)
		return step != nil && settled(step)
	case h.DuringStep != "":
		step := s.Step(h.DuringStep)
		return step != nil && step.State != v1alpha1.StepNotStarted
	case h.At == nil:
		return AwaitsDecision(s.Step(h.step))
	}
	return true
}

// settled says whether the step is done, or has failed, whatever came then.
func settled(step *v1alpha1.StepStatus) bool {
	switch step.State {
	case v1alpha1.StepNotStarted, v1alpha1.StepRunning:
		return false
	case v1alpha1.StepNeedsIntervention:
		return step.Compensation != nil
	default:
		return true
	}
}

// AwaitsDecision says whether the step waits for a person.
func AwaitsDecision(step *v1alpha1.StepStatus) bool {
	if step == nil || step.Decision == 0 || step.Resolved != nil && step.Resolved.Decision >= step.Decision {
		return false
	}
	return step.State == v1alpha1.StepNeedsIntervention || step.State == v1alpha1.StepRunning
}

// happeningsOf are all that happens in a case beside the answers.
func happeningsOf(k *Case, files *manifests.Set, identity engine.Saga) ([]*happening, error) {
	var all []*happening
	for i, e := range k.Events {
		h, err := eventOf(i, e, files, identity)
		if err != nil {
			return nil, fmt.Errorf("events[%d]: %w", i, err)
		}
		all = append(all, h)
	}
	for i, r := range k.Requests {
		request := engine.Request(r.Request)
		all = append(all, &happening{
			field: fmt.Sprintf("requests[%d]", i), Moment: r.Moment,
			event: func(*play) engine.Event { return engine.Asked{Request: request} },
			told: func(v engine.Verdict) string {
				if v != engine.Applied {
					return fmt.Sprintf("%s changed nothing", request)
				}
				return ""
			},
		})
	}
	for i, d := range k.Decisions {
		all = append(all, decisionOf(i, d, k.Name))
	}
	return all, nil
}

// Resolve is the decision about what the step waits for now.
func (d Decision) Resolve(step *v1alpha1.StepStatus, because string) engine.Resolve {
	number := int32(0)
	if step != nil {
		number = step.Decision
	}
	return engine.Resolve{Resolution: v1alpha1.Resolution{
		Step: d.Step, Decision: number, Action: d.Action, Output: d.Output,
		By: cmp.Or(d.By, "somebody"), Reason: cmp.Or(d.Reason, because),
	}}
}

func decisionOf(i int, d Decision, because string) *happening {
	return &happening{
		field: fmt.Sprintf("decisions[%d]", i), Moment: d.Moment, step: d.Step,
		event: func(p *play) engine.Event {
			return d.Resolve(p.saga.Step(d.Step), because)
		},
		told: func(v engine.Verdict) string {
			if v != engine.Applied {
				return fmt.Sprintf("%s does not fit what step %q waits for", d.Action, d.Step)
			}
			return ""
		},
	}
}

func eventOf(i int, e Event, files *manifests.Set, identity engine.Saga) (*happening, error) {
	participant, _, _ := strings.Cut(e.Type, ".")
	occurred := engine.Occurred{
		Participant: participant, Type: e.Type, Source: cmp.Or(e.Source, "/"+participant), ID: cmp.Or(e.ID, fmt.Sprintf("event-%d", i)),
		Subject: e.Subject, CorrelationID: cmp.Or(e.CorrelationID, identity.BusinessKey), DataSchema: e.DataSchema, Data: []byte("{}"),
	}
	if e.Data != nil {
		occurred.Data = e.Data.Raw
	}
	var err error
	if occurred.Key, err = KeyOf(occurred, files.Participant(participant)); e.Key != nil {
		occurred.Key, err = *e.Key, nil
	}
	if err != nil {
		return nil, err
	}
	return &happening{
		field: fmt.Sprintf("events[%d]", i), Moment: e.Moment,
		event: func(*play) engine.Event { return occurred },
		told: func(v engine.Verdict) string {
			switch {
			case e.Ignored && v == engine.Applied:
				return fmt.Sprintf("the saga took %s, which was to be ignored", e.Type)
			case !e.Ignored && v != engine.Applied:
				return fmt.Sprintf("the saga did not take %s; where that is right, say ignored: true", e.Type)
			}
			return ""
		},
	}, nil
}

// expressions are set up once.
var expressions = sync.OnceValues(expr.New)

// KeyOf is what an event is correlated by: what the participant's eventKey reads from it or, where the participant is not known or has
// none, its correlation id.
func KeyOf(e engine.Occurred, participant *v1alpha1.SagaParticipant) (string, error) {
	if participant == nil || participant.Spec.EventKey == "" {
		return e.CorrelationID, nil
	}
	compiler, err := expressions()
	if err != nil {
		return "", fmt.Errorf("setting up expressions: %w", err)
	}
	key, err := compiler.Key(participant.Spec.EventKey)
	if err != nil {
		return "", fmt.Errorf("eventKey of participant %q: %w", participant.Name, err)
	}
	raw, err := e.JSON()
	if err != nil {
		return "", fmt.Errorf("writing the event: %w", err)
	}
	return key.Of(raw)
}
