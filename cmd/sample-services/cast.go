package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sagas-dev/saga-operator/participant"
)

// cast are the services of the samples beside the shop's: who books trips, delivers by drone, moves money and gives access. Each
// is a participant with books of its own; what its handlers do and refuse is a table.
//
// Source: docs/samples.md.
var cast = []*service{
	castMember("flight", "tripId", deeds{"book": {gives: "bookingId"}, "cancel": {undoes: true}}),
	castMember("hotel", "tripId", deeds{"book": {gives: "bookingId", refuses: isIn("city", "NAP", "NO_ROOMS")}, "cancel": {undoes: true}}),
	castMember("car", "tripId", deeds{"book": {gives: "bookingId", refuses: isIn("from", "2027-12-24", "SOLD_OUT")}, "cancel": {undoes: true}}),
	castMember("package", "deliveryId", deeds{"schedule": {gives: "parcelId"}, "cancel": {undoes: true}}),
	castMember("drone", "deliveryId", deeds{"schedule": {gives: "droneId", refuses: tooHeavy}, "release": {undoes: true}}),
	castMember("delivery", "deliveryId", deeds{"start": {gives: "flightId"}}),
	castMember("compliance", "transferId", deeds{"screen": {gives: "caseId", refuses: isIn("to", "XX00SANCTIONED", "SANCTIONED")}}),
	castMember("ledger", "transferId", deeds{
		"hold": {gives: "holdId"}, "unhold": {undoes: true}, "credit": {gives: "bookingId", refuses: isIn("account", "DE00CLOSED", "ACCOUNT_CLOSED")},
		"take": {gives: "bookingId"},
	}),
	castMember("access", "subscriptionId", deeds{"grant": {gives: "grantId"}, "revoke": {undoes: true}}),
	castMember("billing", "subscriptionId", deeds{"invoice": {gives: "invoiceId"}, "void": {undoes: true}}),
}

// tooHeavy is what no drone carries, by command or by choreography.
var tooHeavy = above("weightGrams", 4000, "TOO_HEAVY")

func castMember(name, subject string, does deeds) *service {
	s := &service{name: name, books: deedBooks, handlers: map[string]participant.Handler{}}
	for command, d := range does {
		s.handlers[command] = d.handler(command, subject)
	}
	return s
}

// newCast is the subcommand that runs all of them in one process.
func newCast() *cobra.Command {
	o := &options{}
	c := &cobra.Command{
		Use: "cast", Short: "The services of the other samples, in one process: trips, drones, transfers, subscriptions", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.data = c.Flag("data").Value.String()
			return runCast(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.brokers, "brokers", []string{"localhost:9092"}, "Kafka brokers, host:port")
	f.DurationVar(&o.latency, "latency", 0, "artificial delay before each command, outside of any transaction")
	f.StringVar(&o.logLevel, "log-level", "info", "debug (every command), info, warn or error")
	o.logFormat, o.synchronous, o.health, o.parallel = "text", "NORMAL", "0", 8
	o.grace, o.keep = 4*time.Second, participant.DefaultRetention
	c.AddCommand(newCastBooks())
	return c
}

// runCast runs all members until ctx is done, or one of them fails.
func runCast(ctx context.Context, o *options) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range cast {
		mine := *o
		mine.topic, mine.group = s.name+".commands", s.name
		group.Go(func() error {
			if err := s.run(ctx, &mine); err != nil {
				return fmt.Errorf("running %s: %w", s.name, err)
			}
			return nil
		})
	}
	group.Go(func() error { return choreograph(ctx, o) })
	return group.Wait()
}
