package engine

import (
	"hash/fnv"
	"slices"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// retryPolicy spaces attempts. attempts 0 means without limit.
type retryPolicy struct {
	attempts       int32
	initial, limit time.Duration
	percent        int64
	jitter         int64

	retryable, nonRetryable []string // codes
}

func policyOf(p *v1alpha1.RetryPolicy, attempts int32) retryPolicy {
	if p == nil {
		p = &v1alpha1.RetryPolicy{}
	}
	return retryPolicy{
		attempts: deref(p.MaxAttempts, attempts),
		initial:  durationOr(p.InitialBackoff, time.Second),
		limit:    durationOr(p.MaxBackoff, 30*time.Second),
		percent:  int64(deref(p.BackoffPercent, 200)),
		jitter:   int64(deref(p.JitterPercent, 20)),

		retryable: p.Retryable, nonRetryable: p.NonRetryable,
	}
}

// exhausted says whether used attempts were all that the policy allows.
func (p retryPolicy) exhausted(used int32) bool { return p.attempts > 0 && used >= p.attempts }

// wait is how long to wait after the used-th attempt, whose command id is id: the backoff with its jitter, but at least what the
// participant asked for, and at most the policy's limit. It is a whole number of seconds.
func (p retryPolicy) wait(used int32, id string, asked time.Duration) time.Duration {
	backoff := min(p.initial, p.limit)
	for n := int32(1); n < used && backoff < p.limit; n++ {
		backoff = min(backoff*time.Duration(p.percent)/100, p.limit)
		if p.percent <= 100 {
			break
		}
	}
	backoff += backoff * time.Duration(p.jitter*spread(id)) / (100 * 1000)
	backoff = min(max(backoff, asked), p.limit)
	return (backoff + time.Second - 1).Truncate(time.Second)
}

// spread turns an id into a number from -1000 to 1000, always the same for the same id.
func spread(id string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // documented never to fail
	return int64(h.Sum64()%2001) - 1000
}

// answeredRetry takes an answer retry, unless its code says that trying again is no use.
func (d *decision) answeredRetry(i int, dir Direction, f failureBody) {
	x := exchangeOf(&d.s.Steps[i], dir)
	x.Code, x.Message = f.code, f.message
	if slices.Contains(d.policy(i, dir).nonRetryable, f.code) {
		d.exhausted(i, dir)
		return
	}
	d.transient(i, dir, f.retryAfter)
}

func (d *decision) policy(i int, dir Direction) retryPolicy {
	if dir == Backward {
		return d.Program.steps[i].compensation.retry
	}
	return d.Program.steps[i].action.retry
}

// used is how many attempts count against the policy.
func used(x *v1alpha1.Exchange) int32 { return x.Prior + x.Attempt - x.Granted }

// givenUp says whether step i is not asked again, however many attempts are left: what can be undone, once the saga goes backward.
func (d *decision) givenUp(i int, dir Direction) bool {
	return dir == Forward && d.Program.steps[i].recovery == v1alpha1.RecoveryCompensatable && d.backward()
}

// triesAnew says whether an answer failed is tried again in the next round. Not where the key is another saga's, or where the
// attempts have ended already.
func (d *decision) triesAnew(i int, dir Direction, f failureBody) bool {
	x, policy := exchangeOf(&d.s.Steps[i], dir), d.policy(i, dir)
	open := x.Outcome == v1alpha1.ExchangeWaiting || x.Outcome == v1alpha1.ExchangeRetrying
	use := slices.Contains(policy.retryable, f.code) || f.code == v1alpha1.CodeExpired && d.expiredEarly(x)
	return open && use && f.code != v1alpha1.CodeKeyUsed &&
		d.call(i, dir) != nil && !d.givenUp(i, dir) && !policy.exhausted(used(x))
}

// expiredEarly says whether a command has expired by a deadline that was shifted since it was sent, or that was the lost run's.
func (d *decision) expiredEarly(x *v1alpha1.Exchange) bool {
	if x.Adopts && (x.ExpiryTime == nil || d.now.Before(x.ExpiryTime)) {
		return true
	}
	return x.ExpiryTime != nil && (heldSince(d.s) != nil || d.waits(d.s) || x.ExpiryTime.Before(d.s.Deadline))
}

// nextRound plans the first attempt of the next round, which has a key of its own: the participant has stored its answer to
// the present one.
func (d *decision) nextRound(i int, dir Direction, f failureBody) {
	st := &d.s.Steps[i]
	x := exchangeOf(st, dir)
	x.Code, x.Message = f.code, f.message
	d.backOff(i, dir, f.retryAfter)
	x.CausedBy = commandKey(st.Name, dir, x.Round, x.Attempt)
	x.Prior, x.Granted, x.Unanswered = used(x), 0, 0
	x.Round, x.Attempt, x.ExpiryTime = x.Round+1, 0, nil
}

// transient plans the next attempt, or ends the attempts with an unknown outcome.
func (d *decision) transient(i int, dir Direction, asked time.Duration) {
	x := exchangeOf(&d.s.Steps[i], dir)
	if d.givenUp(i, dir) || d.policy(i, dir).exhausted(used(x)) {
		d.exhausted(i, dir)
		return
	}
	d.backOff(i, dir, asked)
}

func (d *decision) backOff(i int, dir Direction, asked time.Duration) {
	st := &d.s.Steps[i]
	x := exchangeOf(st, dir)
	id := d.saga.UID + "/" + commandKey(st.Name, dir, x.Round, x.Attempt)
	wait := d.policy(i, dir).wait(used(x), id, asked)
	x.Outcome, x.RetryTime = v1alpha1.ExchangeRetrying, metaTime(d.now.Add(wait))
}

// exhausted ends the attempts of a step whose outcome nobody knows.
func (d *decision) exhausted(i int, dir Direction) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	x := exchangeOf(st, dir)
	d.end(x, v1alpha1.ExchangeUnknown)
	if x.Code == "" {
		x.Code = v1alpha1.CodeRetriesExhausted
	}
	switch {
	case dir == Backward || def.recovery != v1alpha1.RecoveryCompensatable:
		d.wait(st)
		return
	case d.heldUp(i):
		x.Code, x.Message = v1alpha1.CodeUnheard, unheardMessage
		d.wait(st)
		return
	}
	st.State = v1alpha1.StepUnknown
	d.stepFailed(i, v1alpha1.Cause{Reason: v1alpha1.ReasonOutcomeUnknown, Step: st.Name, Code: x.Code, Message: x.Message})
}
