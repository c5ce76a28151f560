package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// sampleColumns is what kubectl shows of the sagas in the end.
const sampleColumns = "custom-columns=SAGA:.metadata.name,DEFINITION:.spec.definitionRef.name,PHASE:.status.phase," +
	"STEPS:.status.progress,TURNED BACK FOR:.status.cause.code"

// sampleEnding is how a saga of the samples must end.
type sampleEnding struct {
	phase   v1alpha1.SagaPhase
	step    string // a step whose state tells the story
	state   v1alpha1.StepState
	outputs string // what status.outputs must contain; empty: not looked at
	stays   string // all that the services did and did not undo, as their books have it
}

const delivered = "package.schedule drone.schedule delivery.start"

var sampleEndings = map[string]sampleEnding{
	"trip-2001": {v1alpha1.PhaseCompleted, "book-car", v1alpha1.StepSucceeded, `"car":"book-`, "flight.book hotel.book car.book"},
	"trip-2002": {v1alpha1.PhaseCompensated, "book-flight", v1alpha1.StepCompensated, "", ""},
	"trip-2003": {v1alpha1.PhaseCompleted, "book-car", v1alpha1.StepFailed, `"car":"none"`, "flight.book hotel.book"},

	"delivery-3001": {v1alpha1.PhaseCompleted, "deliver", v1alpha1.StepSucceeded, "", delivered},
	"delivery-3002": {v1alpha1.PhaseCompleted, "deliver", v1alpha1.StepSucceeded, "", delivered},
	"delivery-3003": {v1alpha1.PhaseCompensated, "schedule-package", v1alpha1.StepCompensated, "", ""},

	"transfer-4001": {v1alpha1.PhaseCompleted, "release", v1alpha1.StepSkipped, `"booking":"credit-`,
		"compliance.screen ledger.hold ledger.credit ledger.take"},
	"transfer-4002": {v1alpha1.PhaseCompleted, "release", v1alpha1.StepSucceeded, "", "compliance.screen ledger.hold ledger.credit ledger.take"},
	"transfer-4003": {v1alpha1.PhaseCompensated, "hold", v1alpha1.StepCompensated, "", "compliance.screen"},

	"subscription-5001": {v1alpha1.PhaseCompleted, "first-payment", v1alpha1.StepSucceeded, "", "access.grant billing.invoice"},
	"subscription-5002": {v1alpha1.PhaseCompensated, "approve-plan", v1alpha1.StepFailed, "", ""},
}

// untilSamplesEnd waits until every saga has ended, and judges how.
func (d *demo) untilSamplesEnd(ctx context.Context) error {
	var sagas v1alpha1.SagaList
	err := poll(ctx, "the samples to end", func() (bool, error) {
		if err := d.client.List(ctx, &sagas, client.InNamespace(namespace)); err != nil {
			return false, fmt.Errorf("listing sagas: %w", whyEnded(ctx, err))
		}
		open := slices.ContainsFunc(sagas.Items, func(s v1alpha1.Saga) bool { return s.Status.EndTime == nil })
		return !open && len(sagas.Items) == len(sampleEndings), nil
	})
	return errors.Join(err, checkSamples(sagas.Items))
}

// checkSamples compares how the sagas ended with how they should have.
func checkSamples(sagas []v1alpha1.Saga) error {
	var errs []error
	for i := range sagas {
		s := &sagas[i]
		want, outputs := sampleEndings[s.Name], ""
		if s.Status.Outputs != nil {
			outputs = string(s.Status.Outputs.Raw)
		}
		if s.Status.Phase != want.phase || stateOf(s, want.step) != want.state {
			errs = append(errs, fmt.Errorf("%s is %s (%s), its step %q %s; expected %s, and %s", s.Name, s.Status.Phase, s.Status.WaitingFor,
				want.step, stateOf(s, want.step), want.phase, want.state))
		}
		if !strings.Contains(outputs, want.outputs) {
			errs = append(errs, fmt.Errorf("%s has the outputs %s; expected %s… among them", s.Name, outputs, want.outputs))
		}
	}
	return errors.Join(errs...)
}

// deeds is what the cast's books say of one subject, which has the name of its saga.
type deeds struct {
	Subject string   `json:"subject"`
	Done    []string `json:"done"`
}

// checkDeeds shows the cast's books, and judges them.
func (d *demo) checkDeeds(ctx context.Context) error {
	out, err := d.castBooks(ctx, "table")
	if err != nil {
		return err
	}
	d.screen.print(string(out))
	if out, err = d.castBooks(ctx, "json"); err != nil {
		return err
	}
	var all []deeds
	if err := json.Unmarshal(out, &all); err != nil {
		return fmt.Errorf("reading the cast's books: %w", err)
	}
	return judgeDeeds(all)
}

func (d *demo) castBooks(ctx context.Context, output string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, d.bin.services, "cast", "books", "--data", d.dataDir(), "--output", output).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("reading the cast's books: %w\n%s", whyEnded(ctx, err), out)
	}
	return out, nil
}

// judgeDeeds compares what is left of each saga with what should be.
func judgeDeeds(all []deeds) error {
	stays := map[string]string{}
	for _, s := range all {
		stays[s.Subject] = strings.Join(s.Done, " ")
	}
	var errs []error
	for saga, want := range sampleEndings {
		if stays[saga] != want.stays {
			errs = append(errs, fmt.Errorf("what the services did for %s, and did not undo, is %q; expected %q", saga, stays[saga], want.stays))
		}
	}
	return errors.Join(errs...)
}
