package why

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// past is a time that has passed, and how long ago.
func (c Case) past(t *metav1.Time) string {
	if t == nil {
		return "a time that is not known"
	}
	return fmt.Sprintf("%s (%s ago)", t.UTC().Format(time.RFC3339), duration.HumanDuration(c.Now.Sub(t.Time)))
}

// future is a time that is to come, and how soon.
func (c Case) future(t time.Time) string {
	text := t.UTC().Format(time.RFC3339)
	if left := t.Sub(c.Now); left > 0 {
		return fmt.Sprintf("%s (in %s)", text, duration.HumanDuration(left))
	}
	return text + " (now)"
}

// command is a command line of kubectl saga about this saga.
func (c Case) command(verb string, args ...string) string {
	words := append([]string{"kubectl saga", verb, c.Saga.Name}, args...)
	return strings.Join(append(words, "-n", c.Saga.Namespace), " ")
}

// coded is a code with its message, in parentheses, after a space; nothing where there is neither.
func coded(code, message string) string {
	switch {
	case code == "" && message == "":
		return ""
	case message == "":
		return " (" + code + ")"
	case code == "":
		return " (" + tidy(message) + ")"
	}
	return fmt.Sprintf(" (%s: %s)", code, tidy(message))
}

// tidy makes a message part of a sentence: one line, without what conditions begin and sentences end with.
func tidy(message string) string {
	text := strings.Join(strings.Fields(message), " ")
	return strings.TrimRight(strings.TrimPrefix(text, "Waiting for "), ".")
}

// Because says in words why a saga goes, or went, backward; empty where it does not.
func Because(cause *v1alpha1.Cause) string {
	if cause == nil {
		return ""
	}
	switch cause.Reason {
	case v1alpha1.ReasonStepFailed:
		return fmt.Sprintf("step %q failed%s", cause.Step, coded(cause.Code, cause.Message))
	case v1alpha1.ReasonOutcomeUnknown:
		return fmt.Sprintf("the outcome of step %q is unknown%s", cause.Step, coded(cause.Code, cause.Message))
	case v1alpha1.ReasonDeadlineExceeded:
		return "its deadline passed"
	case v1alpha1.ReasonAborted:
		return "it was aborted" + coded(cause.Code, cause.Message)
	case v1alpha1.ReasonDeleted:
		return "it is being deleted" + coded(cause.Code, cause.Message)
	default:
		return cause.Reason + coded(cause.Code, cause.Message)
	}
}

// undoing begins the clause of a saga that goes backward.
func (c Case) undoing() string {
	if c.Saga.Status.Cause == nil {
		return ""
	}
	return fmt.Sprintf("is being undone because %s, and ", Because(c.Saga.Status.Cause))
}

// list joins words as a sentence does.
func list(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
