package local

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// Saga is one saga that runs here.
type Saga struct {
	Object     *v1alpha1.Saga // with the status that was decided last
	Definition v1alpha1.SagaDefinitionSpec
	Identity   engine.Saga

	compiled   *program.Compiled
	run        engine.Run
	acceptance engine.Acceptance
}

// newSaga binds object, which has its UID, to its definition. A saga that can never run is Rejected from the first turn on.
func newSaga(programs *program.Cache, installation string, object *v1alpha1.Saga, def v1alpha1.SagaDefinitionSpec) *Saga {
	s := &Saga{Object: object, Definition: def}
	var err error
	s.Identity, err = program.Identity(installation, object)
	var compileErr error
	if s.compiled, compileErr = programs.Compile(def); compileErr != nil {
		s.reject(reasonOf(compileErr), compileErr)
		return s
	}
	s.run = s.compiled.For(s.Identity)
	if err == nil && s.compiled.Schema != nil {
		if err = s.compiled.Schema.Validate(s.Identity.Params); err != nil {
			err = fmt.Errorf("spec.params: %w", err)
		}
	}
	if err != nil {
		s.reject(v1alpha1.ReasonInvalidParameters, err)
		return s
	}
	s.acceptance = engine.Acceptance{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, Message: "The saga can run"}
	return s
}

func reasonOf(err error) string {
	if errors.Is(err, engine.ErrInvalidExpression) {
		return v1alpha1.ReasonInvalidExpression
	}
	return v1alpha1.ReasonInvalidDefinition
}

func (s *Saga) reject(reason string, err error) {
	s.acceptance = engine.Acceptance{Status: metav1.ConditionFalse, Reason: reason, Message: err.Error(), Final: true}
}

// Rejection says why the saga can never run: the reason and message of its condition Accepted; empty where it can.
func (s *Saga) Rejection() (reason, message string) {
	if !s.acceptance.Final {
		return "", ""
	}
	return s.acceptance.Reason, s.acceptance.Message
}

// Phase sums the saga up.
func (s *Saga) Phase() v1alpha1.SagaPhase { return s.Object.Status.Phase }

// Ended says whether the saga is done, undone or rejected: nothing will be sent any more.
func (s *Saga) Ended() bool {
	switch s.Phase() {
	case v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseRejected:
		return true
	default:
		return false
	}
}

// State is what the engine keeps of the saga.
func (s *Saga) State() engine.State { return s.Object.Status.SagaState }

// Step returns the status of the named step, or nil before the start and where there is none.
func (s *Saga) Step(name string) *v1alpha1.StepStatus {
	for i := range s.Object.Status.Steps {
		if s.Object.Status.Steps[i].Name == name {
			return &s.Object.Status.Steps[i]
		}
	}
	return nil
}

// Pending returns what is asked and not answered. What cannot be rendered is left out: the engine has failed it by then.
func (s *Saga) Pending() []engine.Command {
	if s.compiled == nil {
		return nil
	}
	commands, _ := s.run.Pending(s.State())
	return commands
}

// once returns the events that the last decision has made, and that are sent only once.
func (s *Saga) once(before engine.State) []engine.Command {
	if s.compiled == nil {
		return nil
	}
	commands, _ := s.run.Once(before, s.State())
	return commands
}

// Listens returns the events that the saga would take.
func (s *Saga) Listens() []engine.Listening {
	if s.compiled == nil || s.acceptance.Final {
		return nil
	}
	return s.run.Listens(s.State())
}

// Takes says whether the saga would take an event that occurred now. Nothing comes of it.
func (s *Saga) Takes(now time.Time, e engine.Occurred) bool {
	if s.compiled == nil || s.acceptance.Final {
		return false
	}
	_, verdicts := s.run.Next(s.State(), now, []engine.Event{e})
	return verdicts[0] == engine.Applied
}

// Observed says whether the saga sends no forward commands, but hears of what its participants do.
func (s *Saga) Observed() bool { return s.Definition.Mode == v1alpha1.ModeObserved }

// Timers are when to look at the saga again.
func (s *Saga) Timers() []engine.Timer {
	if s.compiled == nil {
		return nil
	}
	return s.run.Timers(s.State())
}

// decide takes the events and returns their verdicts.
func (s *Saga) decide(now time.Time, events []engine.Event) []engine.Verdict {
	state, verdicts := s.State(), make([]engine.Verdict, len(events))
	if s.acceptance.Final {
		for i := range verdicts {
			verdicts[i] = engine.Settled
		}
	} else {
		state, verdicts = s.run.Next(state, now, events)
	}
	var p *engine.Program
	if s.compiled != nil {
		p = s.compiled.Program
	}
	s.Object.Status = engine.Summarize(p, state, engine.Facts{
		Generation: s.Object.Generation, Now: now, Acceptance: s.acceptance, Previous: s.Object.Status.Conditions,
	})
	return verdicts
}
