package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
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

// acts are what is applied one after the other, and what there is to see.
var acts = []struct{ folder, shows string }{
	{"trip-booking", "Three trips: one with all that was wished for, one whose city has no rooms, one for which there is no car."},
	{"package-delivery", "Three deliveries by drone: delivery-3001 by command; two that services decide about, of which one is too heavy."},
	{"money-transfer", "Three transfers: a small one, a large one that two people have to approve, one to an account that is closed."},
	{"subscription", "Two subscriptions: one whose trial is over, so that it has to be paid; a corporate one, which a person has to approve."},
}

// samples tells the story: everything is applied, services act, people decide, a bank reports a payment.
func (d *demo) samples(ctx context.Context) error {
	for _, act := range acts {
		d.screen.pause()
		d.screen.say("%s", act.shows)
		if err := d.apply(ctx, "config/samples/"+act.folder); err != nil {
			return err
		}
	}
	for _, scene := range []func(context.Context) error{d.servicesDecide, d.peopleDecide, d.bankReports, d.lookBack} {
		d.screen.pause()
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

// servicesDecide requests the deliveries that nobody commands.
func (d *demo) servicesDecide(ctx context.Context) error {
	d.screen.say("Nobody commands delivery-3002 and delivery-3003: the services hear that they are requested, and act by themselves.")
	for _, of := range []struct {
		delivery string
		grams    int
	}{{"delivery-3002", 450}, {"delivery-3003", 4500}} {
		data := map[string]any{"deliveryId": of.delivery, "weightGrams": of.grams}
		if err := d.tell(ctx, "shop", "delivery-requested", of.delivery, data); err != nil {
			return err
		}
	}
	return nil
}

// peopleDecide has two people release a transfer, and one decline a subscription.
func (d *demo) peopleDecide(ctx context.Context) error {
	d.screen.say("Two sagas wait for people. What for?")
	for _, waits := range []struct{ saga, step string }{{"transfer-4002", "release"}, {"subscription-5002", "approve-plan"}} {
		if err := d.untilStep(ctx, waits.saga, waits.step, v1alpha1.StepRunning); err != nil {
			return err
		}
		if err := d.plugin(ctx, "why", waits.saga); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"approve", "transfer-4002", "--by", "ada", "--reason", "a house"},
		{"approve", "transfer-4002", "--by", "grace", "--reason", "called the customer"},
		{"decline", "subscription-5002", "--by", "ada", "--reason", "no contract yet"},
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
	d.screen.say("The bank reports a payment, as its old version does: the definition knows how to read it.")
	return d.tell(ctx, "billing", "paid", "subscription-5001", map[string]any{"subscriptionId": "subscription-5001", "amount": "9.90", "ref": "p-77"},
		wire.Header{Key: "ce_dataschema", Value: []byte("billing/paid/v1")})
}

// lookBack waits for the end of all, shows how they ended, and checks it against what the services have in their books.
func (d *demo) lookBack(ctx context.Context) error {
	if err := d.untilSamplesEnd(ctx); err != nil {
		return err
	}
	if err := d.kubectl(ctx, "get", "sagas", "-o", sampleColumns); err != nil {
		return err
	}
	for _, saga := range []string{"trip-2003", "delivery-3003"} {
		d.screen.pause()
		if err := d.plugin(ctx, "tree", saga); err != nil {
			return err
		}
	}
	d.screen.pause()
	d.screen.say("What the services' own books say:")
	if err := d.checkDeeds(ctx); err != nil {
		return err
	}
	d.screen.pause()
	d.screen.say("7 sagas completed, one of them without its optional step; 4 were undone; all that is left of them is that transfer-4003 was screened.")
	return nil
}
