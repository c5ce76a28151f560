package engine

import (
	"hash/fnv"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// retryPolicy spaces attempts. attempts 0 means without limit.
type retryPolicy struct {
	attempts       int32
	initial, limit time.Duration
	percent        int64
	jitter         int64
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
