package dispatch

import "time"

// Ear says how well replies can be heard.
type Ear interface {
	// ReadableSince returns since when every reply partition has been readable without a break; false: it is not.
	ReadableSince() (time.Time, bool)
	// HeardUntil returns the latest time up to which everything that was answered is known here.
	HeardUntil() time.Time
}

// Silence is what can be said of an attempt that nobody has answered.
type Silence struct {
	Expired bool      // its time is up, and silence was heard
	Due     time.Time // else: when to look again; zero where replies cannot be read now
}

// Listen judges an attempt that the broker acknowledged at acked: its clock starts then, or later, when replies became
// readable, and it runs out only once silence was heard. So neither an outage of the broker nor one of the manager
// burns an attempt.
func Listen(ear Ear, acked time.Time, timeout time.Duration, now time.Time) Silence {
	since, ok := ear.ReadableSince()
	if !ok {
		return Silence{}
	}
	if since.After(acked) {
		acked = since
	}
	due := acked.Add(timeout)
	return heard(ear, due, now)
}

// ListenUntil judges a moment that does not depend on the broker, such as a deadline: it has passed once everything that
// was answered before it is known.
func ListenUntil(ear Ear, due, now time.Time) Silence {
	if _, ok := ear.ReadableSince(); !ok {
		return Silence{}
	}
	return heard(ear, due, now)
}

// When the time is up and the partitions' ends are still to be seen, it is looked again soon, and then after as long as
// that has taken already: reading may pause, or a transaction stay open, and many sagas must not poll for it.
const (
	lookAgainFirst = 250 * time.Millisecond
	lookAgainLast  = 30 * time.Second
)

func heard(ear Ear, due, now time.Time) Silence {
	switch {
	case now.Before(due):
		return Silence{Due: due}
	case ear.HeardUntil().Before(due):
		return Silence{Due: now.Add(min(max(now.Sub(due), lookAgainFirst), lookAgainLast))}
	default:
		return Silence{Expired: true}
	}
}
