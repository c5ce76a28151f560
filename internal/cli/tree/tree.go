package tree

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/why"
)

// Draw prints the steps of a saga. definition is what the saga runs; nil where it is not to be had: then the steps are shown
// as status lists them. With colour, states are coloured for a terminal.
func Draw(out io.Writer, saga *v1alpha1.Saga, definition *v1alpha1.SagaDefinitionSpec, colour bool) error {
	if definition == nil {
		definition = known(saga)
	}
	d := drawing{look: why.Case{Saga: saga, Definition: definition}, colour: colour}
	d.rows = append(d.rows, row{cells: [columns]string{"STEP", "STATE", "WORK", "ATTEMPT", "SINCE", "TOOK", "NOTE"}})
	for _, s := range shape(definition.Steps) {
		if s.beyondReturn {
			d.rows = append(d.rows, row{line: "── point of no return ──"})
		}
		d.nodes(s.roots, "")
	}
	_, err := io.WriteString(out, d.heading()+d.table())
	return err
}

// known makes a definition of what status tells of the steps.
func known(saga *v1alpha1.Saga) *v1alpha1.SagaDefinitionSpec {
	spec := &v1alpha1.SagaDefinitionSpec{}
	for _, st := range saga.Status.Steps {
		spec.Steps = append(spec.Steps, v1alpha1.Step{Name: st.Name})
	}
	return spec
}

const columns = 7

// row is one line of the table: cells, or a line across.
type row struct {
	cells [columns]string
	line  string
	state v1alpha1.StepState
}

type drawing struct {
	look   why.Case
	colour bool
	rows   []row
}

// heading says in a line or two what the whole saga does.
func (d *drawing) heading() string {
	saga := d.look.Saga
	text := fmt.Sprintf("Saga %s/%s: %s", saga.Namespace, saga.Name, orPending(saga.Status.Phase))
	if saga.Status.Progress != "" {
		text += ", " + saga.Status.Progress
	}
	if saga.Status.Revision != "" {
		text += ", " + saga.Status.Revision
	}
	if because := why.Because(saga.Status.Cause); because != "" {
		text += "\nGoes backward because " + because
	}
	return text + "\n\n"
}

func orPending(phase v1alpha1.SagaPhase) v1alpha1.SagaPhase {
	if phase == "" {
		return v1alpha1.PhasePending
	}
	return phase
}

// nodes draws siblings, each with what follows it.
func (d *drawing) nodes(siblings []*node, indent string) {
	for i, n := range siblings {
		branch, below := "├─ ", "│  "
		if i == len(siblings)-1 {
			branch, below = "└─ ", "   "
		}
		d.step(n, indent+branch, indent+below)
		d.nodes(n.children, indent+below)
	}
}

// table aligns the rows.
func (d *drawing) table() string {
	var width [columns]int
	for _, r := range d.rows {
		for i, cell := range r.cells {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, r := range d.rows {
		b.WriteString(strings.TrimRight(d.text(r, width), " ") + "\n")
	}
	return b.String()
}

func (d *drawing) text(r row, width [columns]int) string {
	if r.line != "" {
		return r.line
	}
	var b strings.Builder
	for i, cell := range r.cells {
		padded := cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
		if i == 1 && d.colour {
			padded = paint(r.state, cell) + padded[len(cell):]
		}
		b.WriteString(padded + "  ")
	}
	return b.String()
}
