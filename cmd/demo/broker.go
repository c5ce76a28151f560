package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/crew"
	"github.com/sagas-dev/saga-operator/test/kafkatest/fakebroker"
)

// installation is the operator's name in topics and keys: its default.
const installation = "default"

// partitions of every topic.
const partitions = 3

// topics the operator and the services need. The operator makes none itself.
func topics() []string {
	return []string{
		wire.RepliesTopic(installation), wire.OutcomesTopic(installation), wire.DeadLettersTopic(installation),
		"inventory.commands", "payment.commands", "shipping.commands", "order.events",
	}
}

// sampleTopics are those of the other samples.
func sampleTopics() []string {
	topics := []string{"trip.events", "transfer.events", "subscription.events", "package.events", "drone.events", "delivery.events", "billing.events", "shop.events"}
	for _, name := range []string{"flight", "hotel", "car", "package", "drone", "delivery", "compliance", "ledger", "access", "billing"} {
		topics = append(topics, name+".commands")
	}
	return topics
}

// newBroker is the broker's process. Its address appears in the file once it can be reached.
func newBroker() *cobra.Command {
	var dir, addressFile string
	c := &cobra.Command{
		Use: "broker", Hidden: true, Args: cobra.NoArgs,
		Short: "Serves Kafka's protocol on a free port of localhost until SIGTERM",
		RunE:  func(c *cobra.Command, _ []string) error { return serveBroker(c.Context(), dir, addressFile) },
	}
	c.Flags().StringVar(&dir, "dir", "", "directory that keeps the records; empty: memory")
	c.Flags().StringVar(&addressFile, "address-file", "", "file to write host:port to")
	return c
}

func serveBroker(ctx context.Context, dir, addressFile string) error {
	broker, err := fakebroker.Start(dir, 0)
	if err != nil {
		return err
	}
	defer broker.Close()
	fresh := addressFile + ".new"
	if err := os.WriteFile(fresh, []byte(broker.Addr()), 0o600); err != nil {
		return fmt.Errorf("writing the address: %w", err)
	}
	if err := os.Rename(fresh, addressFile); err != nil { // whoever sees the file sees all of it
		return fmt.Errorf("writing the address: %w", err)
	}
	<-ctx.Done()
	return nil
}

// startBroker starts the broker's process, makes the topics and returns its address.
func (d *demo) startBroker(ctx context.Context) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("looking for this program: %w", err)
	}
	file := filepath.Join(d.dir, "broker.address")
	args := []string{"broker", "--dir", filepath.Join(d.dir, "broker"), "--address-file", file}
	if err := d.crew.Start(crew.Command{Name: "broker", Path: self, Args: args}); err != nil {
		return "", err
	}
	var address string
	err = poll(ctx, "the broker", func() (bool, error) {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		address = strings.TrimSpace(string(text))
		return err == nil, err
	})
	if err != nil {
		return "", err
	}
	return address, createTopics(ctx, address, append(topics(), d.topics...))
}

func createTopics(ctx context.Context, broker string, topics []string) error {
	client, err := kafka.Connect(kafka.Config{Brokers: []string{broker}, ClientID: "demo"})
	if err != nil {
		return err
	}
	defer client.Close()
	return client.CreateTopics(ctx, partitions, topics...)
}

// poll asks until the answer is yes, an error, or the context ends.
func poll(ctx context.Context, what string, ask func() (bool, error)) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if ok, err := ask(); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
