package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/why"
)

func newWatch(streams genericiooptions.IOStreams) *cobra.Command {
	var by selection
	f := following{streams: streams}
	cmd := &cobra.Command{
		Use:   "watch NAME...",
		Short: "Follow sagas until all have ended",
		Long: "Follows sagas, a line for each change, until all of them have ended: exit 0 if every one was completed, else 1. " +
			"Those that are selected are the ones that are there when it begins.",
		Example: "  kubectl saga watch order-1\n  kubectl saga watch -l shop=eu --timeout 5m",
	}
	at := connects(cmd)
	by.addFlags(cmd)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long to follow at most. Default: without limit")
	cmd.ValidArgsFunction = at.completeSagas(0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := by.check(args, !by.everywhere); err != nil {
			return err
		}
		s, sagas, err := at.sagas(cmd.Context(), args, by)
		if err != nil {
			return err
		}
		if len(sagas) == 0 {
			fmt.Fprintln(streams.ErrOut, none(s, by))
			return nil
		}
		f.everywhere = by.everywhere
		return f.run(cmd.Context(), s, sagas)
	}
	return cmd
}

// following prints the changes of sagas until all have ended.
type following struct {
	streams    genericiooptions.IOStreams
	quiet      bool // print nothing but how they ended, where not completed
	everywhere bool
	timeout    time.Duration // 0: without limit

	open   map[types.UID]string // those that have not ended, with the line that was printed last
	failed bool
}

// run follows the sagas. It is errSilent where one was not completed.
func (f *following) run(ctx context.Context, s *session, sagas []v1alpha1.Saga) error {
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	f.open = map[types.UID]string{}
	for i := range sagas {
		f.open[sagas[i].UID] = ""
	}
	err := s.follow(ctx, f.see, sagas, watched(sagas)...)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s not ended within %s: kubectl saga why says what one waits for", count(len(f.open), "saga"), f.timeout)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: the sagas go on")
	case err != nil:
		return err
	case f.failed:
		return errSilent
	}
	return nil
}

func (f *following) see(saga *v1alpha1.Saga, gone bool) (bool, error) {
	last, follows := f.open[saga.UID]
	if !follows {
		return false, nil
	}
	line := progress(saga)
	if gone && !final(saga) {
		line = "is gone: it was deleted before it ended"
	}
	if line != last && !f.quiet {
		fmt.Fprintf(f.streams.Out, "%s %s\n", f.name(saga), line)
	}
	f.open[saga.UID] = line
	if gone || final(saga) {
		delete(f.open, saga.UID)
		f.failed = f.failed || saga.Status.Phase != v1alpha1.PhaseCompleted
		f.sayWhy(saga)
	}
	return len(f.open) == 0, nil
}

// sayWhy tells how a saga ended that was not completed.
func (f *following) sayWhy(saga *v1alpha1.Saga) {
	if final(saga) && saga.Status.Phase != v1alpha1.PhaseCompleted {
		fmt.Fprintln(f.streams.ErrOut, why.Sentence(why.Case{Saga: saga, Now: time.Now()}))
	}
}

func (f *following) name(saga *v1alpha1.Saga) string {
	if f.everywhere {
		return saga.Namespace + "/" + saga.Name
	}
	return saga.Name
}

// progress is a saga's phase, how far it is, and what it waits for, in one line.
func progress(saga *v1alpha1.Saga) string {
	text := string(orPending(saga.Status.Phase))
	if saga.Status.Progress != "" {
		text += " " + saga.Status.Progress
	}
	if saga.Status.WaitingFor != "" {
		text += ", waiting for " + saga.Status.WaitingFor
	}
	return text
}
