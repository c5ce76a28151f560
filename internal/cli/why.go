package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/why"
)

func newWhy(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "why NAME",
		Short:   "Say in one sentence what a saga waits for",
		Example: "  kubectl saga why order-1",
		Args:    arguments(cobra.ExactArgs(1)),
	}
	at := connects(cmd)
	cmd.ValidArgsFunction = at.completeSagas(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, saga, err := at.saga(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		look, err := s.caseOf(cmd.Context(), saga)
		if err != nil {
			return err
		}
		fmt.Fprintln(streams.Out, why.Sentence(look))
		return nil
	}
	return cmd
}

// caseOf reads what is known around a saga.
func (s *session) caseOf(ctx context.Context, saga *v1alpha1.Saga) (why.Case, error) {
	definition, err := s.definition(ctx, saga)
	if err != nil {
		return why.Case{}, err
	}
	participants, err := s.participants(ctx, saga.Namespace)
	if err != nil {
		return why.Case{}, err
	}
	return why.Case{Saga: saga, Definition: definition, Participants: participants, Now: time.Now()}, nil
}
