package cli

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// await watches until the operator has taken or refused what was written of each saga, or the time is up.
func (w *writer) await(ctx context.Context, sagas []v1alpha1.Saga, results []result) error {
	open := map[types.UID]int{} // the sagas that were written, and their places
	for i := range sagas {
		if results[i].Outcome == unseen {
			open[sagas[i].UID] = i
		}
	}
	if len(open) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	err := w.follow(ctx, func(saga *v1alpha1.Saga, gone bool) (bool, error) {
		i, waits := open[saga.UID]
		if !waits {
			return false, nil
		}
		judged := w.deed.judge(saga)
		if gone {
			judged = verdict{taken, "it is gone"}
		}
		results[i].Outcome, results[i].Message = judged.outcome, judged.message
		if judged.outcome != unseen {
			delete(open, saga.UID)
		}
		return len(open) == 0, nil
	}, sagas, watched(sagas)...)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // the results say so
	}
	return err
}

// watched chooses sagas by where they are: one by its name, several by their namespace, or all.
func watched(sagas []v1alpha1.Saga) []client.ListOption {
	for i := range sagas {
		if sagas[i].Namespace != sagas[0].Namespace {
			return nil
		}
	}
	options := []client.ListOption{client.InNamespace(sagas[0].Namespace)}
	if len(sagas) == 1 {
		options = append(options, client.MatchingFields{"metadata.name": sagas[0].Name})
	}
	return options
}

// report prints the results; one that failed ends the command as failed.
func (b *bulk) report(streams genericiooptions.IOStreams, verb string, results []result) error {
	failures := 0
	for i := range results {
		if b.noWait && results[i].Outcome == unseen {
			results[i].Outcome = written
		}
		if results[i].failed() {
			failures++
		}
	}
	if b.output == outputJSON {
		if err := printJSON(streams.Out, results); err != nil {
			return err
		}
	} else {
		for _, r := range results {
			fmt.Fprintln(streams.Out, b.line(verb, r))
		}
	}
	if failures > 0 {
		if len(results) > 1 {
			fmt.Fprintf(streams.ErrOut, "%s of %d failed\n", count(failures, "saga"), len(results))
		}
		return errSilent
	}
	return nil
}

// line is one result for people.
func (b *bulk) line(verb string, r result) string {
	name := r.Name
	if b.by.everywhere {
		name = r.Namespace + "/" + r.Name
	}
	text := fmt.Sprintf("%s: %s %s", name, verb, r.Outcome)
	switch {
	case r.Outcome == planned:
		text = fmt.Sprintf("%s: %s would be written%s", name, verb, b.dryness())
	case r.Outcome == unseen:
		text = fmt.Sprintf("%s: %s written, but not taken within %s: see kubectl saga why %s -n %s", name, verb, b.timeout, r.Name, r.Namespace)
	}
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}
