package dispatch

import (
	"testing"
	"time"
)

// ear hears as it is told.
type ear struct{ since, until time.Time }

func (e ear) ReadableSince() (time.Time, bool) { return e.since, !e.since.IsZero() }
func (e ear) HeardUntil() time.Time            { return e.until }

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func TestAnAttemptRunsOutOnlyInSilenceThatWasHeard(t *testing.T) {
	never := time.Time{}
	for name, c := range map[string]struct {
		ear  ear
		now  time.Time
		want Silence
	}{
		"before its time is up":                                 {ear{at(-60), at(10)}, at(10), Silence{Due: at(30)}},
		"when its time is up and all was heard":                 {ear{at(-60), at(30)}, at(30), Silence{Expired: true}},
		"when its time is up and the end is still to be seen":   {ear{at(-60), at(29.9)}, at(30), Silence{Due: at(30.25)}},
		"when nobody could hear for long, it looks less often":  {ear{at(-60), at(29.9)}, at(38), Silence{Due: at(46)}},
		"but at least every 30 s":                               {ear{at(-60), at(29.9)}, at(3600), Silence{Due: at(3630)}},
		"while replies cannot be read":                          {ear{never, at(40)}, at(40), Silence{}},
		"its clock starts anew when replies are readable again": {ear{at(20), at(40)}, at(40), Silence{Due: at(50)}},
		"a clock that went back only makes it wait":             {ear{at(-60), at(10)}, at(-100), Silence{Due: at(30)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Listen(c.ear, noon, 30*time.Second, c.now); got != c.want {
				t.Errorf("%+v, not %+v", got, c.want)
			}
		})
	}
}

func TestADeadlineDoesNotStartAnewWhenRepliesAreReadableAgain(t *testing.T) {
	for name, c := range map[string]struct {
		ear  ear
		now  time.Time
		want Silence
	}{
		"before":                       {ear{at(-60), at(10)}, at(10), Silence{Due: at(30)}},
		"while replies cannot be read": {ear{time.Time{}, at(10)}, at(60), Silence{}},
		"after an outage, once what was answered before it is known": {ear{at(50), at(51)}, at(51), Silence{Expired: true}},
		"after an outage, until the end was seen":                    {ear{at(50), at(10)}, at(50), Silence{Due: at(70)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ListenUntil(c.ear, at(30), c.now); got != c.want {
				t.Errorf("%+v, not %+v", got, c.want)
			}
		})
	}
}
