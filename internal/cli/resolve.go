package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/why"
)

// answer is a person's decision, as the command line says it.
type answer struct {
	verb      string
	action    v1alpha1.ResolutionAction
	step      string // of several sagas; else it is an argument
	decision  int32  // 0: the one that is waited for
	output    string // JSON
	by        string // empty: who the API server says asks
	reason    string
	approvals bool // approvals only
}

func newResolve(streams genericiooptions.IOStreams) *cobra.Command {
	a := &answer{verb: "resolve"}
	cmd := answerCommand(streams, a, "Decide about steps that wait for a person",
		"  kubectl saga resolve order-1 charge --action MarkDone --reason 'refunded by hand, ticket 4711'\n"+
			"  kubectl saga resolve -l shop=eu --step charge --action Retry --reason 'the payment service is back'")
	cmd.Flags().StringVar((*string)(&a.action), "action", "", "Retry, Skip, MarkDone or Compensate")
	cmd.Flags().StringVar(&a.output, "output-json", "", "what the step would have answered, a JSON object: with MarkDone of a forward step")
	complete(cmd, "action", string(v1alpha1.ResolutionRetry), string(v1alpha1.ResolutionSkip),
		string(v1alpha1.ResolutionMarkDone), string(v1alpha1.ResolutionCompensate))
	return cmd
}

func newRetry(streams genericiooptions.IOStreams) *cobra.Command {
	a := &answer{verb: "retry", action: v1alpha1.ResolutionRetry, reason: "retry"}
	return answerCommand(streams, a, "Ask again what waits for a person",
		"  kubectl saga retry order-1 charge\n  kubectl saga retry --field-selector status.phase=NeedsIntervention --reason 'the payment service is back'")
}

func newApprove(streams genericiooptions.IOStreams) *cobra.Command {
	a := &answer{verb: "approve", action: v1alpha1.ResolutionMarkDone, reason: "approved", approvals: true}
	return answerCommand(streams, a, "Approve what an approval step asks", "  kubectl saga approve order-1\n  kubectl saga approve order-1 review --reason 'checked the address'")
}

func newDecline(streams genericiooptions.IOStreams) *cobra.Command {
	a := &answer{verb: "decline", action: v1alpha1.ResolutionCompensate, approvals: true}
	return answerCommand(streams, a, "Decline what an approval step asks", "  kubectl saga decline order-1 review --reason 'the address does not exist'")
}

// answerCommand is a command that decides about steps.
func answerCommand(streams genericiooptions.IOStreams, a *answer, short, example string) *cobra.Command {
	b := &bulk{}
	cmd := &cobra.Command{
		Use:   a.verb + " NAME [STEP]",
		Short: short,
		Long: short + ". Without STEP it is the one step that waits; of sagas that are selected, all that wait. " +
			"The number of the decision is read from the status.",
		Example: example,
		Args:    arguments(cobra.MaximumNArgs(2)),
	}
	at := connects(cmd)
	b.addFlags(cmd)
	cmd.Flags().StringVar(&a.step, "step", "", "the step, of sagas that are selected")
	cmd.Flags().Int32Var(&a.decision, "decision", 0, "insist on this number: another decision that waits is then refused")
	cmd.Flags().StringVar(&a.by, "by", "", "who decides. Default: you, as the API server knows you")
	cmd.Flags().StringVar(&a.reason, "reason", a.reason, "why")
	cmd.ValidArgsFunction = at.completeSteps(func(st *v1alpha1.StepStatus) bool {
		return st.State == v1alpha1.StepNeedsIntervention || st.State == v1alpha1.StepRunning && st.Decision > 0
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), streams, at, b, args) }
	return cmd
}

func (a *answer) run(ctx context.Context, streams genericiooptions.IOStreams, at *connection, b *bulk, args []string) error {
	if err := a.check(args); err != nil {
		return err
	}
	names := args
	if len(args) == 2 {
		names, a.step = args[:1], args[1]
	}
	if err := b.check(names); err != nil {
		return err
	}
	s, err := at.open()
	if err != nil {
		return err
	}
	if a.by == "" {
		if a.by, err = s.whoAmI(ctx); err != nil {
			return err
		}
	}
	sagas, err := s.sagas(ctx, names, b.by)
	if err != nil {
		return err
	}
	return b.carryOut(ctx, s, streams, a.verb, &resolving{answer: *a, session: s, one: len(names) == 1}, sagas)
}

// check refuses what the API would refuse.
func (a *answer) check(args []string) error {
	if len(args) == 2 && a.step != "" {
		return misuse("--step is of sagas that are selected: the step is named already")
	}
	if err := oneOf("action", string(a.action), string(v1alpha1.ResolutionRetry), string(v1alpha1.ResolutionSkip),
		string(v1alpha1.ResolutionMarkDone), string(v1alpha1.ResolutionCompensate)); err != nil {
		return err
	}
	switch {
	case a.reason == "":
		return misuse("--reason is needed: it is recorded with the decision")
	case len(a.reason) > 1024:
		return misuse("--reason has %d bytes, at most 1024 are taken", len(a.reason))
	case len(a.by) > 253:
		return misuse("--by has %d bytes, at most 253 are taken", len(a.by))
	case a.decision < 0:
		return misuse("--decision counts from 1, is %d", a.decision)
	case a.output != "" && a.action != v1alpha1.ResolutionMarkDone:
		return misuse("--output-json goes with --action MarkDone only")
	}
	var object map[string]any
	if a.output != "" && json.Unmarshal([]byte(a.output), &object) != nil {
		return misuse("--output-json must be a JSON object")
	}
	if len(a.output) > v1alpha1.MaxOutputBytes {
		return misuse("--output-json has %d bytes, at most %d are taken", len(a.output), v1alpha1.MaxOutputBytes)
	}
	return nil
}

// whoAmI is who the API server says asks.
func (s *session) whoAmI(ctx context.Context) (string, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := s.Create(ctx, review); err != nil {
		return "", fmt.Errorf("asking the API server who you are: %w; say it with --by", err)
	}
	return review.Status.UserInfo.Username, nil
}

// of is the decision about one step.
func (a *answer) of(st *v1alpha1.StepStatus) v1alpha1.Resolution {
	r := v1alpha1.Resolution{Step: st.Name, Decision: st.Decision, Action: a.action, By: a.by, Reason: a.reason}
	if a.output != "" {
		r.Output = &runtime.RawExtension{Raw: []byte(a.output)}
	}
	return r
}

// look is what is known of a saga, for what may be decided about it. What is not to be had leaves it less precise.
func (s *session) look(ctx context.Context, saga *v1alpha1.Saga) (why.Case, error) {
	definition, err := s.definition(ctx, saga)
	return why.Case{Saga: saga, Definition: definition, Now: time.Now()}, err
}
