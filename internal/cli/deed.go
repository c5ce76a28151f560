package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// deed is what a command does to each of some sagas: a change of the spec that the operator takes, or refuses.
type deed interface {
	// plan changes the saga as it is to be written, and says whether that is needed. Its error says why nothing can be done.
	plan(ctx context.Context, saga *v1alpha1.Saga) (needed bool, err error)
	// judge says whether the operator has taken what was planned, as the saga's status shows.
	judge(saga *v1alpha1.Saga) verdict
	// locks says whether a write must not meet a saga that has changed since it was planned.
	locks() bool
}

// verdict is what a status says of a request.
type verdict struct {
	outcome outcome
	message string // what the status says, for people
}

type outcome string

const (
	unseen  outcome = "not seen" // the operator has not looked yet
	taken   outcome = "taken"
	refused outcome = "refused"
	already outcome = "unchanged" // it was so before
	planned outcome = "planned"   // a dry run
	written outcome = "written"   // and not waited for
)

// result is what became of one saga.
type result struct {
	Namespace string  `json:"namespace"`
	Name      string  `json:"name"`
	Outcome   outcome `json:"outcome"`
	Message   string  `json:"message,omitempty"`
}

func (r result) failed() bool { return r.Outcome == unseen || r.Outcome == refused }

// Dry runs.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// bulk are the flags of what is done to several sagas.
type bulk struct {
	by      selection
	dryRun  string
	rate    float64
	timeout time.Duration
	noWait  bool
	output  string
}

func (b *bulk) addFlags(cmd *cobra.Command) {
	b.by.addFlags(cmd)
	addDryRun(cmd, &b.dryRun)
	cmd.Flags().Float64Var(&b.rate, "rate", 10, "sagas per second at most, from 0.1 to 1000")
	cmd.Flags().DurationVar(&b.timeout, "timeout", 30*time.Second, "how long to wait, once all is written, until the operator has taken it")
	cmd.Flags().BoolVar(&b.noWait, "no-wait", false, "do not wait until the operator has taken it")
	cmd.Flags().StringVarP(&b.output, "output", "o", "", "json: the results as JSON")
	complete(cmd, "output", outputJSON)
}

func addDryRun(cmd *cobra.Command, value *string) {
	cmd.Flags().StringVar(value, "dry-run", dryRunNone, "none, client (only say what would be done) or server (ask the API server, store nothing)")
	complete(cmd, "dry-run", dryRunNone, dryRunClient, dryRunServer)
}

func (b *bulk) check(names []string) error {
	if b.rate < 0.1 || b.rate > 1000 {
		return misuse("--rate must be from 0.1 to 1000, is %g", b.rate)
	}
	return errors.Join(b.by.check(names, true), oneOf("output", b.output, "", outputJSON),
		oneOf("dry-run", b.dryRun, dryRunNone, dryRunClient, dryRunServer))
}

// carryOut does d to the sagas, waits until the operator has taken it, and reports on each. verb is its name, such as abort.
func (b *bulk) carryOut(ctx context.Context, s *session, streams genericiooptions.IOStreams, verb string, d deed, sagas []v1alpha1.Saga) error {
	if len(sagas) == 0 {
		fmt.Fprintln(streams.ErrOut, none(s, b.by))
		return nil
	}
	if len(sagas) > 1 {
		fmt.Fprintf(streams.ErrOut, "%s: %s, at most %g a second%s\n", verb, count(len(sagas), "saga"), b.rate, b.dryness())
	}
	w := writer{bulk: b, session: s, deed: d, limit: rate.NewLimiter(rate.Limit(b.rate), 1)}
	results := make([]result, len(sagas))
	for i := range sagas {
		results[i] = result{Namespace: sagas[i].Namespace, Name: sagas[i].Name}
		if err := w.write(ctx, &sagas[i], &results[i]); err != nil {
			return err
		}
	}
	if b.dryRun == dryRunNone && !b.noWait {
		if err := w.await(ctx, sagas, results); err != nil {
			return err
		}
	}
	return b.report(streams, verb, results)
}

func (b *bulk) dryness() string {
	if b.dryRun == dryRunNone {
		return ""
	}
	return " (" + b.dryRun + " dry run)"
}

// writer does one deed to sagas, one after the other.
type writer struct {
	*bulk
	*session
	deed  deed
	limit *rate.Limiter
}

// write writes what the deed plans. What one saga is refused for does not keep the others from being written.
func (w *writer) write(ctx context.Context, saga *v1alpha1.Saga, r *result) error {
	first := true
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if !first {
			if err := w.Get(ctx, client.ObjectKeyFromObject(saga), saga); err != nil {
				return err
			}
		}
		first = false
		return w.tryWrite(ctx, saga, r)
	})
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: what is written stays written: %w", ctx.Err())
	}
	if err != nil {
		r.Outcome, r.Message = refused, explain(err).Error()
	}
	return nil
}

func (w *writer) tryWrite(ctx context.Context, saga *v1alpha1.Saga, r *result) error {
	before := saga.DeepCopy()
	needed, err := w.deed.plan(ctx, saga)
	switch {
	case err != nil:
		return err
	case !needed:
		r.Outcome = already
		return nil
	case w.dryRun == dryRunClient:
		r.Outcome = planned
		return nil
	}
	if err := w.limit.Wait(ctx); err != nil {
		return err
	}
	var options []client.PatchOption
	if w.dryRun == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	patch := client.MergeFrom(before)
	if w.deed.locks() {
		patch = client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	}
	if err := w.Patch(ctx, saga, patch, options...); err != nil {
		return err
	}
	r.Outcome = unseen
	if w.dryRun == dryRunServer {
		r.Outcome = planned
	}
	return nil
}
