package casetest

import (
	"encoding/json"
	"fmt"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate/sample"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Script is what participants answer. It is not safe for concurrent use.
type Script struct {
	answers []Answer
	used    []bool
}

// NewScript makes a script of the answers, of which the first that fits a command is given.
func NewScript(answers []Answer) *Script {
	return &Script{answers: answers, used: make([]bool, len(answers))}
}

// Asked names what is to be answered.
type Asked struct {
	Step      string
	Direction engine.Direction
	Round     int32
	Attempt   int32
}

// Reply is what is answered, and how long after the command.
type Reply struct {
	Outcome    engine.Outcome
	Body       []byte
	DataSchema string
	After      time.Duration
	Silent     bool // nobody answers
}

// Answer returns what is answered to a command of the definition. It remembers that the answer was used.
func (s *Script) Answer(asked Asked, def *v1alpha1.SagaDefinitionSpec) (Reply, error) {
	reply := Reply{Outcome: engine.Succeeded}
	for i, a := range s.answers {
		if !a.fits(asked) {
			continue
		}
		s.used[i] = true
		var err error
		if reply, err = a.reply(); err != nil {
			return reply, err
		}
		break
	}
	if reply.Body != nil {
		return reply, nil
	}
	reply.Body = []byte("{}")
	if asked.Direction == engine.Backward || reply.Outcome != engine.Succeeded {
		return reply, nil
	}
	body, err := usual(def, asked.Step)
	if err != nil {
		return Reply{}, fmt.Errorf("step %q: %w; say what is answered", asked.Step, err)
	}
	reply.Body = body
	return reply, nil
}

// usual is the body of a success that nobody describes: the smallest that the step's outputSchema accepts or, where it has none, one
// with the keys that the definition reads of it.
func usual(def *v1alpha1.SagaDefinitionSpec, name string) ([]byte, error) {
	for i := range def.Steps {
		action := def.Steps[i].Action
		if def.Steps[i].Name != name || action == nil || action.OutputSchema == nil {
			continue
		}
		body, err := sample.Value(action.OutputSchema.Raw)
		if err != nil {
			return nil, fmt.Errorf("action.outputSchema: %w", err)
		}
		return body, nil
	}
	return readOf(def, name)
}

// Unused returns the indices of the answers that were never given.
func (s *Script) Unused() []int {
	var unused []int
	for i, used := range s.used {
		if !used {
			unused = append(unused, i)
		}
	}
	return unused
}

func (a Answer) fits(asked Asked) bool {
	return a.Step == asked.Step && a.Compensation == (asked.Direction == engine.Backward) &&
		(a.Attempt == 0 || a.Attempt == asked.Attempt) && (a.Round == 0 || a.Round == asked.Round)
}

// reply is the answer, whose body may be nil: it says none.
func (a Answer) reply() (Reply, error) {
	r := Reply{Outcome: engine.Outcome(a.Outcome), DataSchema: a.DataSchema, Silent: a.Outcome == Silent}
	if a.Outcome == "" {
		r.Outcome = engine.Succeeded
	}
	if a.After != nil {
		r.After = a.After.Duration
	}
	switch {
	case a.Body != nil:
		r.Body = a.Body.Raw
	case a.Code != "" || a.Message != "" || a.RetryAfter != nil:
		failure := wire.Failure{Code: a.Code, Message: a.Message}
		if a.RetryAfter != nil {
			failure.RetryAfter = int64((a.RetryAfter.Duration + time.Second - 1) / time.Second)
		}
		body, err := json.Marshal(failure)
		if err != nil {
			return r, fmt.Errorf("writing the answer of step %q: %w", a.Step, err)
		}
		r.Body = body
	}
	return r, nil
}
