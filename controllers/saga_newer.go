package controllers

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// newer says whether a saga was started by rules that are not known here, as after a rollback: the next write would drop what
// is not known of its state.
func newer(saga *v1alpha1.Saga) bool { return saga.Status.Rules > engine.Rules }

// leave keeps what happens to a saga that is newer for the version that knows its rules: nothing is written, sent or settled.
// Replies to it stay where they are. What it listens for is what this version can tell; again asks for a live copy where the
// cache does not have what that takes.
func (r *SagaReconciler) leave(ctx context.Context, saga *v1alpha1.Saga, live bool) (again bool, _ ctrl.Result, _ error) {
	log := ctrl.LoggerFrom(ctx)
	log.Info("Leaving a saga alone that a newer version has started", "rules", saga.Status.Rules, "known", engine.Rules)
	if final(saga.Status.Phase) {
		r.Events.Forget(saga.Namespace, saga.Name)
		return false, ctrl.Result{}, nil
	}
	v := &visit{saga: saga, live: live}
	var err error
	if v.id, err = program.Identity(r.Encoder.Installation, saga); err == nil {
		err = r.loadProgram(ctx, v)
	}
	switch {
	case err != nil:
		return false, ctrl.Result{}, fmt.Errorf("looking for what the saga listens for: %w", err)
	case v.compiled == nil && !live:
		return true, ctrl.Result{}, nil
	case v.compiled == nil:
		log.Info("Keeping no events for the saga: what it listens for is not known here", "reason", v.acceptance.Message)
		r.Events.Forget(saga.Namespace, saga.Name)
		return false, ctrl.Result{}, nil
	}
	v.run = v.compiled.For(v.id)
	r.keepEvents(v)
	return false, ctrl.Result{}, nil
}
