package why

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// ask is what is sent to a participant, as the definition says it.
type ask struct {
	participant, message string
	event                bool
	timeout              time.Duration
	attempts             int32 // 0: without limit
}

// asked says what a command, or an event, waits for.
func (c Case) asked(st *v1alpha1.StepStatus, x *v1alpha1.Exchange, a ask) string {
	if x == nil {
		return fmt.Sprintf("waits for step %q", st.Name)
	}
	if trouble := c.trouble(a.participant); trouble != "" {
		return fmt.Sprintf("waits for SagaParticipant %q, which says %s, before %s (step %q, attempt %s) can reach it",
			a.participant, trouble, a.message, st.Name, a.count(x, 0))
	}
	who := fmt.Sprintf("participant %q to answer %s (step %q)", a.participant, a.message, st.Name)
	if a.participant == "" {
		who = fmt.Sprintf("the answer to step %q", st.Name)
	}
	switch {
	case x.Outcome == v1alpha1.ExchangeRetrying && x.RetryTime != nil:
		return fmt.Sprintf("waits until %s to ask %s again, attempt %s: %s", c.future(x.RetryTime.Time), a.whom(st), a.count(x, 1), lastTime(x))
	case a.event:
		return fmt.Sprintf("waits for the broker to take event %s (step %q), since %s", a.message, st.Name, c.past(x.StartTime))
	}
	return fmt.Sprintf("waits for %s, attempt %s, asked at %s%s", who, a.count(x, 0), c.past(x.StartTime), c.waitedFor(x, a))
}

func (a ask) whom(st *v1alpha1.StepStatus) string {
	if a.participant == "" {
		return fmt.Sprintf("in step %q", st.Name)
	}
	return fmt.Sprintf("participant %q for %s (step %q)", a.participant, a.message, st.Name)
}

func (c Case) waitedFor(x *v1alpha1.Exchange, a ask) string {
	if x.StartTime == nil || a.timeout == 0 {
		return ""
	}
	return " and waited for until " + c.future(x.StartTime.Add(a.timeout))
}

// count is the number of an attempt, of as many as there may be.
func (a ask) count(x *v1alpha1.Exchange, more int32) string {
	n := x.Prior + x.Attempt + more
	if a.attempts == 0 || x.Granted > 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d of %d", n, a.attempts)
}

// lastTime says why there is another attempt.
func lastTime(x *v1alpha1.Exchange) string {
	if x.Code == v1alpha1.CodeTimeout {
		return "nobody answered the one before in time"
	}
	return "the one before was answered with retry" + coded(x.Code, x.Message)
}

func actionOf(def *v1alpha1.Step) ask {
	switch {
	case def == nil:
		return ask{}
	case def.Publish != nil:
		return ask{participant: def.Participant, message: def.Participant + "." + def.Publish.Event, event: true}
	case def.Action == nil:
		return ask{participant: def.Participant}
	}
	a := ask{participant: def.Participant, message: def.Participant + "." + def.Action.Command, timeout: timeoutOr(def.Action.Timeout)}
	if def.Recovery == v1alpha1.RecoveryCompensatable || def.Recovery == "" {
		a.attempts = v1alpha1.DefaultActionAttempts
	}
	a.limit(def.Action.Retry)
	return a
}

func compensationOf(def *v1alpha1.Step) ask {
	switch {
	case def == nil || def.Compensation == nil:
		return ask{}
	case def.Compensation.Publish != nil:
		return ask{participant: def.Participant, message: def.Participant + "." + def.Compensation.Publish.Event, event: true}
	}
	a := ask{
		participant: def.Participant, message: def.Participant + "." + def.Compensation.Command,
		timeout: timeoutOr(def.Compensation.Timeout), attempts: v1alpha1.DefaultCompensationAttempts,
	}
	a.limit(def.Compensation.Retry)
	return a
}

func (a *ask) limit(policy *v1alpha1.RetryPolicy) {
	if policy != nil && policy.MaxAttempts != nil {
		a.attempts = *policy.MaxAttempts
	}
}

func timeoutOr(d *metav1.Duration) time.Duration {
	if d == nil {
		return 30 * time.Second
	}
	return d.Duration
}

// trouble says why nothing can be sent to a participant; empty where nothing is known against it.
func (c Case) trouble(name string) string {
	for i := range c.Participants {
		p := &c.Participants[i]
		if p.Name != name {
			continue
		}
		for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionTopicsReady} {
			if found := meta.FindStatusCondition(p.Status.Conditions, kind); found != nil && found.Status == metav1.ConditionFalse {
				return found.Reason + coded("", found.Message)
			}
		}
	}
	return ""
}
