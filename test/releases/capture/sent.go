package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/releases"
)

// addSent reads what was sent until everything that the fixtures' sagas have asked is there, and gives each its own.
func (s *stage) addSent(ctx context.Context, fixtures []*releases.Fixture) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Addr()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeTopics(commandsTopic, eventsTopic, wire.OutcomesTopic(releases.Installation)))
	if err != nil {
		return err
	}
	defer client.Close()
	owners, missing := map[string]*releases.Fixture{}, map[string]bool{}
	for _, f := range fixtures {
		owners[string(f.Saga.UID)] = f
		for _, id := range inFlight(f.Saga) {
			missing[id] = true
		}
	}
	for len(missing) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("waiting for commands %v: %w", missing, context.Cause(ctx))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			m := messageOf(r)
			delete(missing, m.Headers["ce_id"])
			if owner := owners[m.Key]; owner != nil {
				owner.Sent = append(owner.Sent, m)
			}
		})
	}
	return nil
}

// inFlight are the ids of the commands that the saga waits for an answer to, but for events, which may wait for a topic.
func inFlight(saga *v1alpha1.Saga) (ids []string) {
	for _, st := range saga.Status.Steps {
		for direction, x := range map[wire.Direction]*v1alpha1.Exchange{wire.Forward: st.Action, wire.Backward: st.Compensation} {
			if x != nil && x.Outcome == v1alpha1.ExchangeWaiting && saga.Name != "publishing" {
				ids = append(ids, fmt.Sprintf("%s/%s/%s/%d/%d", saga.UID, st.Name, direction, x.Round, x.Attempt))
			}
		}
	}
	return ids
}

func messageOf(r *kgo.Record) releases.Message {
	m := releases.Message{Topic: r.Topic, Key: string(r.Key), Value: string(r.Value), Headers: map[string]string{}}
	for _, h := range r.Headers {
		if releases.Stable(h.Key) {
			m.Headers[h.Key] = string(h.Value)
		}
	}
	return m
}
