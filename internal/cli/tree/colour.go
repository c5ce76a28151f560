package tree

import v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"

// ANSI colours of a terminal.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	grey   = "\x1b[90m"
	plain  = "\x1b[0m"
)

// paint colours the text of a step's state.
func paint(state v1alpha1.StepState, text string) string {
	switch state {
	case v1alpha1.StepSucceeded, v1alpha1.StepCompensated:
		return green + text + plain
	case v1alpha1.StepRunning, v1alpha1.StepCompensating:
		return yellow + text + plain
	case v1alpha1.StepFailed, v1alpha1.StepUnknown, v1alpha1.StepNotCompensated, v1alpha1.StepNeedsIntervention:
		return red + text + plain
	case v1alpha1.StepNotStarted, v1alpha1.StepSkipped:
		return grey + text + plain
	}
	return text
}
