package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/why"
)

func newSuspend(streams genericiooptions.IOStreams) *cobra.Command {
	return requestCommand(streams, "suspend", "Hold back new forward commands of sagas, and their deadline", suspending{true})
}

func newResume(streams genericiooptions.IOStreams) *cobra.Command {
	return requestCommand(streams, "resume", "Let suspended sagas go on", suspending{false})
}

func newAbort(streams genericiooptions.IOStreams) *cobra.Command {
	return requestCommand(streams, "abort", "Undo sagas that are before their point of no return", aborting{})
}

func newAdopt(streams genericiooptions.IOStreams) *cobra.Command {
	return requestCommand(streams, "adopt", "Continue lost runs, whose idempotency keys these sagas have", adopting{})
}

// requestCommand is a command that does d to sagas.
func requestCommand(streams genericiooptions.IOStreams, verb, short string, d deed) *cobra.Command {
	b := &bulk{}
	cmd := &cobra.Command{
		Use:     verb + " NAME...",
		Short:   short,
		Long:    short + ". It waits until each saga's status shows that the request was taken, or refused.",
		Example: fmt.Sprintf("  kubectl saga %s order-1\n  kubectl saga %s --field-selector spec.definitionRef.name=checkout --dry-run=server", verb, verb),
	}
	at := connects(cmd)
	b.addFlags(cmd)
	cmd.ValidArgsFunction = at.completeSagas(0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := b.check(args); err != nil {
			return err
		}
		s, sagas, err := at.sagas(cmd.Context(), args, b.by)
		if err != nil {
			return err
		}
		return b.carryOut(cmd.Context(), s, streams, verb, d, sagas)
	}
	return cmd
}

// errEnded says that nothing can be asked of a saga any more.
func errEnded(saga *v1alpha1.Saga) error {
	return fmt.Errorf("it has ended (%s): kubectl saga rerun makes a new one of it", saga.Status.Phase)
}

// suspending is to suspend, or to resume.
type suspending struct{ suspend bool }

func (suspending) locks() bool { return false }

func (d suspending) plan(_ context.Context, saga *v1alpha1.Saga) (bool, error) {
	switch {
	case final(saga):
		return false, errEnded(saga)
	case d.suspend && saga.Status.Cause != nil:
		return false, fmt.Errorf("it is being undone because %s: undoing cannot be held back", why.Because(saga.Status.Cause))
	}
	needed := saga.Spec.Suspend != d.suspend
	saga.Spec.Suspend = d.suspend
	return needed, nil
}

func (d suspending) judge(saga *v1alpha1.Saga) verdict {
	suspended := held(saga)
	switch {
	case suspended == d.suspend && (d.suspend || saga.Status.ObservedGeneration >= saga.Generation):
		return verdict{taken, standing(saga)}
	case final(saga):
		return verdict{refused, fmt.Sprintf("it ended meanwhile (%s)", saga.Status.Phase)}
	case d.suspend && saga.Status.Cause != nil:
		return verdict{refused, "it is being undone, which cannot be held back"}
	}
	return verdict{unseen, ""}
}

// held says whether a suspension holds the saga back, also before its start; an approval that is waited for does not count.
func held(saga *v1alpha1.Saga) bool {
	c := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionSuspended)
	return saga.Status.SuspendTime != nil || c != nil && c.Reason == v1alpha1.ReasonSuspendRequested
}

// aborting is to undo.
type aborting struct{}

func (aborting) locks() bool { return false }

func (aborting) plan(_ context.Context, saga *v1alpha1.Saga) (bool, error) {
	switch {
	case refusedAbort(saga):
		return false, fmt.Errorf("it is beyond its point of no return: it goes forward")
	case final(saga):
		return false, errEnded(saga)
	}
	needed := !saga.Spec.Abort && !latched(saga, v1alpha1.LatchAbort)
	saga.Spec.Abort = true
	return needed, nil
}

func (aborting) judge(saga *v1alpha1.Saga) verdict {
	switch {
	case refusedAbort(saga):
		return verdict{refused, "it is beyond its point of no return: it goes forward"}
	case latched(saga, v1alpha1.LatchAbort):
		return verdict{taken, standing(saga)}
	case final(saga):
		return verdict{refused, fmt.Sprintf("it ended meanwhile (%s)", saga.Status.Phase)}
	}
	return verdict{unseen, ""}
}

func refusedAbort(saga *v1alpha1.Saga) bool {
	c := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionCompensating)
	return c != nil && c.Reason == v1alpha1.ReasonAbortRefused
}

// adopting is to continue a lost run.
type adopting struct{}

func (adopting) locks() bool { return false }

func (adopting) plan(_ context.Context, saga *v1alpha1.Saga) (bool, error) {
	switch {
	case final(saga):
		return false, errEnded(saga)
	case latched(saga, v1alpha1.LatchAdopt):
		return false, nil
	case saga.Status.StartTime != nil && !slices.ContainsFunc(saga.Status.Steps, func(st v1alpha1.StepStatus) bool { return why.KeyUsed(&st) }):
		return false, fmt.Errorf("it does not wait because of its idempotency key: there is no lost run to continue")
	}
	needed := !saga.Spec.Adopt
	saga.Spec.Adopt = true
	return needed, nil
}

func (adopting) judge(saga *v1alpha1.Saga) verdict {
	switch {
	case latched(saga, v1alpha1.LatchAdopt):
		return verdict{taken, standing(saga)}
	case final(saga):
		return verdict{refused, fmt.Sprintf("it ended meanwhile (%s)", saga.Status.Phase)}
	}
	return verdict{unseen, ""}
}

func latched(saga *v1alpha1.Saga, latch v1alpha1.Latch) bool {
	return slices.Contains(saga.Status.Latches, latch)
}

// standing is a saga's phase and what it waits for, in a few words.
func standing(saga *v1alpha1.Saga) string {
	text := string(orPending(saga.Status.Phase))
	if saga.Status.WaitingFor != "" {
		text += ", waiting for " + saga.Status.WaitingFor
	}
	return text
}

func orPending(phase v1alpha1.SagaPhase) v1alpha1.SagaPhase {
	if phase == "" {
		return v1alpha1.PhasePending
	}
	return phase
}
