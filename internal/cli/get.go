package cli

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func newGet(streams genericiooptions.IOStreams) *cobra.Command {
	var output string
	var by selection
	cmd := &cobra.Command{
		Use:     "get [NAME...]",
		Short:   "Show sagas: how far they are, and what they wait for",
		Example: "  kubectl saga get\n  kubectl saga get -A --field-selector status.phase=NeedsIntervention\n  kubectl saga get order-1 -o yaml",
	}
	at := connects(cmd)
	by.addFlags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "wide, json, yaml or name")
	complete(cmd, "output", outputWide, outputJSON, outputYAML, outputName)
	cmd.ValidArgsFunction = at.completeSagas(0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf("output", output, outputTable, outputWide, outputJSON, outputYAML, outputName); err != nil {
			return err
		}
		if err := by.check(args, false); err != nil {
			return err
		}
		s, sagas, err := at.sagas(cmd.Context(), args, by)
		if err != nil {
			return err
		}
		if output != outputTable && output != outputWide {
			return printSagas(streams.Out, sagas, output, len(args) == 1)
		}
		if len(sagas) == 0 {
			fmt.Fprintln(streams.ErrOut, none(s, by))
			return nil
		}
		header, rows := sagaTable(sagas, output == outputWide, by.everywhere, time.Now())
		return printTable(streams.Out, header, rows)
	}
	return cmd
}

// none says that nothing was found.
func none(s *session, by selection) string {
	if by.everywhere {
		return "No sagas found."
	}
	return fmt.Sprintf("No sagas found in namespace %q.", s.namespace)
}

// sagaTable is what get prints: a header and a row for each saga.
func sagaTable(sagas []v1alpha1.Saga, wide, everywhere bool, now time.Time) (header []string, rows [][]string) {
	header = []string{"NAME", "DEFINITION", "PHASE", "PROGRESS", "WAITING FOR", "REASON", "AGE"}
	if wide {
		header = append(header, "BUSINESS KEY", "REVISION", "CODE", "SUSPENDED", "DEADLINE")
	}
	if everywhere {
		header = append([]string{"NAMESPACE"}, header...)
	}
	for i := range sagas {
		row := sagaRow(&sagas[i], wide, now)
		if everywhere {
			row = append([]string{sagas[i].Namespace}, row...)
		}
		rows = append(rows, row)
	}
	return header, rows
}

func sagaRow(saga *v1alpha1.Saga, wide bool, now time.Time) []string {
	definition := "<inline>"
	if saga.Spec.DefinitionRef != nil {
		definition = saga.Spec.DefinitionRef.Name
	}
	status := &saga.Status
	row := []string{saga.Name, definition, cmp.Or(string(status.Phase), string(v1alpha1.PhasePending)), status.Progress, status.WaitingFor,
		reason(saga), duration.HumanDuration(now.Sub(saga.CreationTimestamp.Time))}
	if !wide {
		return row
	}
	code, deadline := "", ""
	if status.Cause != nil {
		code = status.Cause.Code
	}
	if status.Deadline != nil {
		deadline = status.Deadline.UTC().Format(time.RFC3339)
	}
	suspended := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionSuspended)
	return append(row, saga.Spec.BusinessKey, status.Revision, code, fmt.Sprint(suspended), deadline)
}

// reason is the one word that says why a saga is where it is: why it does not start, goes backward or stands still.
func reason(saga *v1alpha1.Saga) string {
	stalled := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionStalled)
	accepted := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionAccepted)
	suspended := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionSuspended)
	switch {
	case stalled != nil && stalled.Status == metav1.ConditionTrue &&
		(stalled.Reason == v1alpha1.ReasonKeyUsed || stalled.Reason == v1alpha1.ReasonSpecChanged):
		return stalled.Reason
	case saga.Status.Cause != nil:
		return saga.Status.Cause.Reason
	case accepted != nil && accepted.Status != metav1.ConditionTrue:
		return accepted.Reason
	case suspended != nil && suspended.Status == metav1.ConditionTrue:
		return suspended.Reason
	}
	return ""
}
