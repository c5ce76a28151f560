package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// newSamples is the demo of everything that the language of definitions has: config/samples but for the shop.
func newSamples() *cobra.Command {
	o := options{}
	c := &cobra.Command{
		Use:   "samples",
		Short: "Runs trips, deliveries by drone, transfers and subscriptions on this machine",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d := &demo{members: []string{"cast"}, topics: sampleTopics(), story: (*demo).samples}
			return d.run(c.Context(), o, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&o.keep, "keep", false, "keep everything running until Ctrl-C, and keep the directory after that")
	c.Flags().DurationVar(&o.timeout, "timeout", 3*time.Minute, "how long the sagas may take, once everything is built")
	return c
}

// sampleEnding is how a saga of the samples must end.
type sampleEnding struct {
	phase   v1alpha1.SagaPhase
	outputs string // what status.outputs must contain; empty: not looked at
	step    string // a step whose state tells the story
	state   v1alpha1.StepState
}

var sampleEndings = map[string]sampleEnding{
	"trip-2001":         {phase: v1alpha1.PhaseCompleted, outputs: `"car":"book-`, step: "book-car", state: v1alpha1.StepSucceeded},
	"trip-2002":         {phase: v1alpha1.PhaseCompensated, step: "book-flight", state: v1alpha1.StepCompensated},
	"trip-2003":         {phase: v1alpha1.PhaseCompleted, outputs: `"car":"none"`, step: "book-car", state: v1alpha1.StepFailed},
	"delivery-3001":     {phase: v1alpha1.PhaseCompleted, step: "deliver", state: v1alpha1.StepSucceeded},
	"delivery-3002":     {phase: v1alpha1.PhaseCompleted, step: "deliver", state: v1alpha1.StepSucceeded},
	"delivery-3003":     {phase: v1alpha1.PhaseCompensated, step: "schedule-package", state: v1alpha1.StepCompensated},
	"transfer-4001":     {phase: v1alpha1.PhaseCompleted, outputs: `"booking":"credit-`, step: "release", state: v1alpha1.StepSkipped},
	"transfer-4002":     {phase: v1alpha1.PhaseCompleted, step: "release", state: v1alpha1.StepSucceeded},
	"transfer-4003":     {phase: v1alpha1.PhaseCompensated, step: "hold", state: v1alpha1.StepCompensated},
	"subscription-5001": {phase: v1alpha1.PhaseCompleted, step: "first-payment", state: v1alpha1.StepSucceeded},
	"subscription-5002": {phase: v1alpha1.PhaseCompensated, step: "approve-plan", state: v1alpha1.StepFailed},
}

// samples tells the story: everything is applied, services act, people decide, a bank reports a payment.
func (d *demo) samples(ctx context.Context) error {
	for _, folder := range []string{"trip-booking", "package-delivery", "money-transfer", "subscription"} {
		if err := d.kubectl(ctx, "apply", "-k", "config/samples/"+folder); err != nil {
			return err
		}
	}
	d.screen.pause()
	d.screen.say("Nobody commands delivery-3002 and delivery-3003: the services hear that they are requested, and act by themselves.")
	for _, delivery := range []string{"delivery-3002", "delivery-3003"} {
		grams := map[string]int{"delivery-3002": 450, "delivery-3003": 4500}[delivery]
		if err := d.tell(ctx, "shop", "delivery-requested", delivery, map[string]any{"deliveryId": delivery, "weightGrams": grams}); err != nil {
			return err
		}
	}
	if err := d.peopleDecide(ctx); err != nil {
		return err
	}
	d.screen.pause()
	d.screen.say("The bank reports a payment, as its old version does: the definition knows how to read it.")
	if err := d.bankReports(ctx); err != nil {
		return err
	}
	if err := d.untilSamplesEnd(ctx); err != nil {
		return err
	}
	d.screen.pause()
	if err := d.kubectl(ctx, "get", "sagas", "-o", "wide"); err != nil {
		return err
	}
	d.screen.pause()
	return d.plugin(ctx, "tree", "trip-2003")
}

// peopleDecide has two people release a transfer, and one decline a subscription.
func (d *demo) peopleDecide(ctx context.Context) error {
	d.screen.pause()
	for _, waits := range []struct{ saga, step string }{{"transfer-4002", "release"}, {"subscription-5002", "approve-plan"}} {
		if err := d.untilStep(ctx, waits.saga, waits.step, v1alpha1.StepRunning); err != nil {
			return err
		}
		if err := d.plugin(ctx, "why", waits.saga); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"approve", "transfer-4002", "release", "--by", "ada", "--reason", "a house"},
		{"approve", "transfer-4002", "release", "--by", "grace", "--reason", "called the customer"},
		{"decline", "subscription-5002", "approve-plan", "--by", "ada", "--reason", "no contract yet"},
	} {
		if err := d.plugin(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// bankReports tells of the payment that subscription-5001 waits for.
func (d *demo) bankReports(ctx context.Context) error {
	if err := d.untilStep(ctx, "subscription-5001", "first-payment", v1alpha1.StepRunning); err != nil {
		return err
	}
	return d.tell(ctx, "billing", "paid", "subscription-5001", map[string]any{"subscriptionId": "subscription-5001", "amount": "9.90", "ref": "p-77"},
		wire.Header{Key: "ce_dataschema", Value: []byte("billing/paid/v1")})
}

// tell publishes an event as a service does.
func (d *demo) tell(ctx context.Context, participant, event, about string, data map[string]any, more ...wire.Header) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	kind := participant + "." + event
	m := wire.Message{Topic: participant + ".events", Key: []byte(about), Value: raw, Headers: more}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", about + "/" + kind}, {"ce_source", "/demo"}, {"ce_type", kind},
		{"ce_correlationid", about}, {"content-type", "application/json"},
	} {
		m.Headers = append(m.Headers, wire.Header{Key: h[0], Value: []byte(h[1])})
	}
	broker, err := kafka.Connect(kafka.Config{Brokers: []string{d.broker}, ClientID: "demo"})
	if err != nil {
		return err
	}
	defer broker.Close()
	producer := kafka.NewProducer(broker)
	d.screen.say("event %s %s", kind, raw)
	return errors.Join(producer.Send(ctx, []wire.Message{m}), producer.Close())
}

// plugin runs kubectl saga, and shows command and output.
func (d *demo) plugin(ctx context.Context, args ...string) error {
	d.screen.say("$ kubectl saga %s", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, d.bin.plugin, args...)
	cmd.Env = append(cmd.Environ(), "KUBECONFIG="+d.plane.Kubeconfig(), "PATH="+filepath.Dir(d.bin.plugin))
	out, err := cmd.CombinedOutput()
	d.screen.print(string(out))
	if err != nil {
		return fmt.Errorf("running kubectl saga %s: %w", args[0], whyEnded(ctx, err))
	}
	return nil
}

func (d *demo) untilStep(ctx context.Context, saga, step string, state v1alpha1.StepState) error {
	return poll(ctx, saga+" to be at "+step, func() (bool, error) {
		s := &v1alpha1.Saga{}
		if err := d.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: saga}, s); err != nil {
			return false, fmt.Errorf("reading %s: %w", saga, whyEnded(ctx, err))
		}
		return stateOf(s, step) == state, nil
	})
}

func stateOf(s *v1alpha1.Saga, step string) v1alpha1.StepState {
	i := slices.IndexFunc(s.Status.Steps, func(st v1alpha1.StepStatus) bool { return st.Name == step })
	if i < 0 {
		return v1alpha1.StepNotStarted
	}
	return s.Status.Steps[i].State
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
		want := sampleEndings[s.Name]
		outputs := ""
		if s.Status.Outputs != nil {
			outputs = string(s.Status.Outputs.Raw)
		}
		if s.Status.Phase != want.phase || stateOf(s, want.step) != want.state || !strings.Contains(outputs, want.outputs) {
			errs = append(errs, fmt.Errorf("%s is %s (%s), its step %s %s, its outputs %s; expected %+v",
				s.Name, s.Status.Phase, s.Status.WaitingFor, want.step, stateOf(s, want.step), outputs, want))
		}
	}
	return errors.Join(errs...)
}
