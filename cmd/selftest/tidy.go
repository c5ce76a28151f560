package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// clear removes what an earlier run has left.
func (t *session) clear(ctx context.Context) error {
	sagas, participants, err := t.cluster.ours(ctx, t.namespace)
	left := append(sagas, participants...)
	if err != nil || len(left) == 0 {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, t.tidying, fmt.Errorf("--tidy-timeout=%s has passed", t.tidying))
	defer cancel()
	if err := t.sweep(limited); err != nil {
		return fmt.Errorf("removing what an earlier run has left: %w", err)
	}
	t.say("removed what an earlier run had left: %s", names(left))
	return nil
}

// tidy removes what this run has made, in time of its own, whatever became of the run.
func (t *session) tidy(ctx context.Context) error {
	limited, cancel := context.WithTimeoutCause(ctx, t.tidying, fmt.Errorf("--tidy-timeout=%s has passed", t.tidying))
	defer cancel()
	began := time.Now()
	err := t.sweep(limited)
	if t.made {
		if deleteErr := t.broker.DeleteTopic(limited, t.topic); deleteErr != nil {
			err = errors.Join(err, fmt.Errorf("topic %s stays: %w", t.topic, deleteErr))
		}
	}
	if err != nil {
		return fmt.Errorf("tidying up: %w", err)
	}
	t.say("removed everything again, after %s", since(began))
	return nil
}

// sweep deletes what has our label and waits until it is gone: sagas first, since a participant that one still needs stays for
// another minute.
func (t *session) sweep(ctx context.Context) error {
	var left []client.Object
	err := poll(ctx, func() (bool, error) {
		sagas, participants, err := t.cluster.ours(ctx, t.namespace)
		if err != nil {
			return false, err
		}
		if left = sagas; len(left) == 0 {
			left = participants
		}
		return len(left) == 0, t.cluster.remove(ctx, left)
	})
	if err == nil || ctx.Err() == nil {
		return err
	}
	return &trouble{fmt.Errorf("%s stay in namespace %s: %w", names(left), t.namespace, err),
		"whether the manager runs: it has to let them go; the next run of this test removes them"}
}

func names(all []client.Object) string {
	words := make([]string, len(all))
	for i, o := range all {
		words[i] = fmt.Sprintf("%s %s", strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", o), "*v1alpha1.")), o.GetName())
	}
	return strings.Join(words, ", ")
}
