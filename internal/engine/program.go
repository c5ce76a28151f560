package engine

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

var (
	// ErrInvalidDefinition says that the steps do not make a saga. Retrying will not mend it.
	ErrInvalidDefinition = errors.New("invalid definition")
	// ErrInvalidExpression says that an expression does not compile, or reads what it may not. Retrying will not mend it.
	ErrInvalidExpression = errors.New("invalid expression")
)

// Program is a definition compiled once. It is safe for concurrent use.
type Program struct {
	steps    []step
	index    map[string]int
	pivot    int // index of the pivot, or -1
	retry    int // index of the first retriable step, or len(steps)
	observed bool
	deadline time.Duration
	outputs  Template // nil: none
}

// kind is what a step does to be done.
type kind int

const (
	kindAction kind = iota
	kindPublish
	kindAwait
	kindDelay
	kindApproval
)

// step is a compiled step. after and before are the steps it waits for and those that wait for it.
type step struct {
	name         string
	participant  string
	recovery     v1alpha1.RecoveryType
	kind         kind
	optional     bool      // its failure lets the rest go on
	when         Condition // nil: always
	action       call      // of an action or a publish step
	once         bool      // a publish step that may lose its event
	await        *listener // of an await, and of an observed action
	delay        *delay
	approval     *approval
	compensation *call // nil: nothing to undo
	body         body  // what is taken of a reply or an event

	after, before          []int // directly
	ancestors, descendants set   // directly and indirectly
}

// call is what is sent, and how patiently.
type call struct {
	messageType string
	publish     bool // an event: nobody answers it
	input       Template
	timeout     time.Duration
	retry       retryPolicy
}

// listener is what a step listens for.
type listener struct {
	succeeded, failed string // message types; failed is empty where nothing fails the step but time
	key               Text   // nil: the business key
	filter            Condition
	timeout           time.Duration
}

// delay waits for a time, or until one.
type delay struct {
	span  time.Duration
	until Text // nil: span
}

// approval waits for people.
type approval struct {
	approvers int
	message   Text // nil: none
	timeout   time.Duration
}

// body says what is taken of a reply or an event.
type body struct {
	output  []string // the keys that are kept; nil: all
	schema  Schema   // nil: any object
	upcasts map[string]Template
}

// set is a set of steps, by index. A definition has at most 64.
type set uint64

func (s set) has(i int) bool { return s&(1<<i) != 0 }

// Compile checks a definition and compiles its expressions. Its errors wrap ErrInvalidDefinition or
// ErrInvalidExpression and name the field.
func Compile(def v1alpha1.SagaDefinitionSpec, x Expressions) (*Program, error) {
	p := newProgram(def)
	if wrong := p.check(def); len(wrong) > 0 {
		return nil, wrong[0]
	}
	c := compiler{expressions: x, def: def, steps: make([]step, len(def.Steps))}
	c.link(p)
	for i := range def.Steps {
		if err := c.step(i); err != nil {
			return nil, inStep(def, i, err)
		}
	}
	p.steps = c.steps
	var err error
	if p.outputs, err = c.outputs(); err != nil {
		return nil, err
	}
	return p, nil
}

func newProgram(def v1alpha1.SagaDefinitionSpec) *Program {
	return &Program{
		index: map[string]int{}, pivot: -1, retry: len(def.Steps), observed: def.Mode == v1alpha1.ModeObserved,
		deadline: deref(def.Deadline, metav1.Duration{}).Duration,
	}
}

func inStep(def v1alpha1.SagaDefinitionSpec, i int, err error) error {
	return fmt.Errorf("steps[%d] (%s): %w", i, def.Steps[i].Name, err)
}

// Participants returns the names of the participants that the steps use, each once, with what they are used for.
func (p *Program) Participants() map[string]ParticipantUse {
	uses := map[string]ParticipantUse{}
	for i := range p.steps {
		s := &p.steps[i]
		if s.participant == "" {
			continue
		}
		use := uses[s.participant]
		use.Commands = use.Commands || p.asks(i) || s.compensation != nil && !s.compensation.publish
		use.Events = use.Events || s.kind == kindPublish || s.compensation != nil && s.compensation.publish
		use.Listens = use.Listens || s.await != nil
		uses[s.participant] = use
	}
	return uses
}

// ParticipantUse says which topics of a participant a program needs.
type ParticipantUse struct {
	Commands bool // it is sent commands
	Events   bool // events are published in its name
	Listens  bool // its events are read
}

// asks says whether doing step i means sending a command.
func (p *Program) asks(i int) bool { return p.steps[i].kind == kindAction && !p.observed }

// sends says whether doing step i means sending something until it is answered or acknowledged.
func (p *Program) sends(i int) bool {
	return p.asks(i) || p.steps[i].kind == kindPublish && !p.steps[i].once
}

// call returns what step i sends in a direction, or nil.
func (p *Program) call(i int, dir Direction) *call {
	switch {
	case dir == Backward:
		return p.steps[i].compensation
	case p.sends(i):
		return &p.steps[i].action
	}
	return nil
}

// graph says whether the steps say for themselves what they wait for.
func graph(steps []v1alpha1.Step) bool {
	for i := range steps {
		if len(steps[i].DependsOn) > 0 {
			return true
		}
	}
	return false
}
