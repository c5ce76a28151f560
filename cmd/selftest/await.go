package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// pollInterval is how often objects are looked at.
const pollInterval = 200 * time.Millisecond

// poll asks until the answer is yes or an error that waiting does not mend. It returns why ctx ended where it does, with
// the last error.
func poll(ctx context.Context, ask func() (bool, error)) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		done, err := ask()
		if ctx.Err() == nil && (err == nil && done || lasting(err)) {
			return err
		}
		select {
		case <-ctx.Done():
			if err == nil || errors.Is(err, ctx.Err()) {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w (at last: %w)", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

// lasting says whether waiting does not mend it: the API server may be away for a moment.
func lasting(err error) bool {
	var hinted *trouble
	return errors.As(err, &hinted) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsUnauthorized(err)
}

// hopeless are the reasons of conditions that waiting does not mend.
var hopeless = map[string]string{
	v1alpha1.ReasonInvalidDefinition: "whether the operator is of the same version as this program",
	v1alpha1.ReasonInvalidExpression: "whether the operator is of the same version as this program",
	v1alpha1.ReasonTopicNotPermitted: "the operator's topic policy: it has to let this namespace use this topic, or --topic has to name one that it may use",
}

// awaitParticipant waits until the operator has found the participant's topic.
func (t *session) awaitParticipant(ctx context.Context) error {
	var seen v1alpha1.SagaParticipant
	key := client.ObjectKey{Namespace: t.namespace, Name: participantName}
	err := poll(ctx, func() (bool, error) {
		if err := t.cluster.get(ctx, key, &seen); err != nil {
			return false, err
		}
		if err := hopelessly("participant "+participantName, seen.Status.Conditions); err != nil {
			return false, err
		}
		return meta.IsStatusConditionTrue(seen.Status.Conditions, v1alpha1.ConditionTopicsReady), nil
	})
	if err == nil || ctx.Err() == nil {
		return err
	}
	return participantTrouble(err, t.namespace, seen.Status.Conditions)
}

func participantTrouble(err error, namespace string, conditions []metav1.Condition) error {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionTopicsReady)
	if ready == nil || ready.Reason == v1alpha1.ReasonPending {
		return &trouble{fmt.Errorf("waiting for the operator to look at participant %s: %w", participantName, err), nobody(namespace)}
	}
	return &trouble{fmt.Errorf("waiting for the participant's topic: %w; the operator says %s: %s", err, ready.Reason, ready.Message),
		"whether the manager talks to the same Kafka as this program, and what its readyz says"}
}

// nobody says what to look at where no operator seems to work.
func nobody(namespace string) string {
	return "whether the manager runs, leads (kubectl get lease -n saga-system) and watches namespace " + namespace + "; its log and its readyz say what holds it up"
}

// awaitSaga waits until the saga has ended, and compares how.
func (t *session) awaitSaga(ctx context.Context, trial trial) error {
	var seen v1alpha1.Saga
	err := poll(ctx, func() (bool, error) {
		if err := t.cluster.get(ctx, client.ObjectKeyFromObject(trial.saga), &seen); err != nil {
			return false, err
		}
		if err := hopelessly("saga "+seen.Name, seen.Status.Conditions); err != nil {
			return false, err
		}
		return meta.IsStatusConditionTrue(seen.Status.Conditions, v1alpha1.ConditionFinished), nil
	})
	switch {
	case err == nil && seen.Status.Phase == trial.phase:
		return nil
	case err == nil:
		return &trouble{fmt.Errorf("saga %s is %s instead of %s: %s", seen.Name, seen.Status.Phase, trial.phase, message(seen.Status.Conditions, v1alpha1.ConditionReady)),
			"the manager's log"}
	case ctx.Err() == nil:
		return err
	}
	return t.sagaTrouble(err, trial, seen)
}

// sagaTrouble says from how far the saga came what is probably wrong.
func (t *session) sagaTrouble(err error, trial trial, seen v1alpha1.Saga) error {
	heard := t.echo.total(trial.ref())
	err = fmt.Errorf("waiting for saga %s: %w; it is %s, waits for %q, and its participant heard %d commands: %s", trial.saga.Name, err,
		seen.Status.Phase, seen.Status.WaitingFor, heard, message(seen.Status.Conditions, v1alpha1.ConditionAccepted))
	accepted := meta.IsStatusConditionTrue(seen.Status.Conditions, v1alpha1.ConditionAccepted)
	switch {
	case !accepted:
		return &trouble{err, nobody(trial.saga.Namespace)}
	case heard == 0:
		return &trouble{err, "whether the manager's commands reach topic " + t.topic + " and this program may read it: access control lists, and the metric saga_outbox_messages"}
	}
	return &trouble{err, "whether this program may write to the operator's topic of replies and the manager reads it: its readyz, and the topic of dead letters"}
}

// hopelessly is an error where a condition says that waiting is in vain.
func hopelessly(what string, conditions []metav1.Condition) error {
	for _, c := range conditions {
		if lookAt, ok := hopeless[c.Reason]; ok {
			return &trouble{fmt.Errorf("%s: %s: %s", what, c.Reason, c.Message), lookAt}
		}
	}
	return nil
}

func message(conditions []metav1.Condition, kind string) string {
	if c := meta.FindStatusCondition(conditions, kind); c != nil {
		return c.Reason + ": " + c.Message
	}
	return "it has no conditions"
}
