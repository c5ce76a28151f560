package engine_test

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

var requests = map[string]engine.Request{
	"abort": engine.Abort, "adopt": engine.Adopt, "delete": engine.Delete, "suspend": engine.Suspend, "resume": engine.Resume,
}

var outcomes = map[string]engine.Outcome{"ok": engine.Succeeded, "failed": engine.Failed, "retry": engine.Retry}

// event reads one event:
//
//	start, abort, adopt, delete, suspend, resume   what is asked
//	wait 40s                                       no event: the clock moves
//	deadline                                       fires at the deadline, or now where that has passed
//	deadline early                                 fires now
//	charge failed DECLINED                         an answer to the current attempt, with a code or a JSON body
//	undo charge#1 ok {}                            to attempt 1 of the compensation; @2#1 also names the round
//	charge silent, undo charge silent              an attempt's time is over
//	charge again                                   a backoff is over; the clock moves there
//	announce published, announced 1                the broker has an event
//	undo charge published                          or the one that undoes
//	trip due                                       a wait has lasted long enough; the clock moves there
//	event trip-service.booked {"id":1}             an event; @K names its key, #2 its id, ~v1 its version, all directly behind the type
//	decide ship 1 MarkDone {}                      a person's resolution
func (s *story) event(words string) engine.Event {
	s.t.Helper()
	f := strings.SplitN(words, " ", 2)
	rest := ""
	if len(f) == 2 {
		rest = f[1]
	}
	if r, ok := requests[f[0]]; ok {
		return engine.Asked{Request: r}
	}
	switch f[0] {
	case "start":
		return engine.Started{Revision: "order-1", InputDigest: "sha256:1"}
	case "nothing":
		return nil
	case "wait":
		s.now = s.now.Add(duration(s.t, rest))
		return nil
	case "deadline":
		if rest != "early" && s.state.Deadline.After(s.now) {
			s.now = s.state.Deadline.Time
		}
		return engine.Fired{Timer: engine.Timer{Kind: engine.TimerDeadline, At: s.now}}
	case "announced":
		return engine.Published{Intervention: number(s.t, rest)}
	case "decide":
		return s.resolution(rest)
	case "undo":
		return s.exchange(engine.Backward, rest)
	case "event":
		return occurred(rest)
	}
	return s.exchange(engine.Forward, words)
}

func (s *story) resolution(words string) engine.Event {
	s.t.Helper()
	f := strings.SplitN(words, " ", 4)
	r := v1alpha1.Resolution{Step: f[0], Decision: number(s.t, f[1]), Action: v1alpha1.ResolutionAction(f[2]), By: cmp.Or(s.by, "ada"), Reason: "looked"}
	if len(f) == 4 {
		r.Output = &runtime.RawExtension{Raw: body(f[3])}
	}
	return engine.Resolve{Resolution: r}
}

// exchange reads what happens to a command: "charge#1 ok {}".
func (s *story) exchange(dir engine.Direction, words string) engine.Event {
	s.t.Helper()
	f := strings.SplitN(words, " ", 3)
	t := s.command(dir, f[0])
	switch f[1] {
	case "silent":
		t.Kind = engine.TimerAttempt
		return engine.Fired{Timer: t}
	case "again":
		for _, due := range s.run.Timers(s.state) {
			if due.Kind == engine.TimerBackoff && due.Step == t.Step && due.Direction == dir && due.At.After(s.now) {
				s.now = due.At
			}
		}
		t.Kind = engine.TimerBackoff
		return engine.Fired{Timer: t}
	case "due", "due-early":
		for _, due := range s.run.Timers(s.state) {
			if due.Step == t.Step && due.Kind != engine.TimerAttempt && due.Kind != engine.TimerBackoff {
				t = due
			}
		}
		if f[1] == "due" && t.At.After(s.now) {
			s.now = t.At
		}
		return engine.Fired{Timer: t}
	case "published":
		if dir == engine.Forward {
			dir = ""
		}
		return engine.Published{Step: t.Step, Direction: dir}
	}
	outcome, ok := outcomes[f[1]]
	if !ok {
		s.t.Fatalf("no event: %q", words)
	}
	reply := engine.Replied{Step: t.Step, Direction: dir, Round: t.Round, Attempt: t.Attempt, Outcome: outcome}
	if len(f) == 3 {
		reply.Body = body(f[2])
	}
	return reply
}

// occurred reads an event: trip-service.booked@K#2~v1 {"id":1}.
func occurred(words string) engine.Event {
	head, data, _ := strings.Cut(words, " ")
	head, version, _ := strings.Cut(head, "~")
	head, id, _ := strings.Cut(head, "#")
	kind, key, _ := strings.Cut(head, "@")
	participant, _, _ := strings.Cut(kind, ".")
	e := engine.Occurred{
		Participant: participant, Type: kind, Key: key, Source: participant, ID: kind + id, DataSchema: version,
		Time: morning, Data: body(data),
	}
	if data == "" {
		e.Data = nil
	}
	return e
}

// body is a JSON object, a size such as 17000B, or a failure's code.
func body(text string) []byte {
	if size, ok := strings.CutSuffix(text, "B"); ok {
		var n int
		if json.Unmarshal([]byte(size), &n) == nil {
			return []byte(`{"id":"` + strings.Repeat("x", n-len(`{"id":""}`)) + `"}`)
		}
	}
	if strings.ToUpper(text) == text && !strings.ContainsAny(text, "{[") || text == "KeyUsed" || text == "Undone" || text == "Expired" {
		return []byte(`{"code":"` + text + `"}`)
	}
	return []byte(text)
}

// command names a command: step, step#attempt or step@round#attempt; what is left out is the current one.
func (s *story) command(dir engine.Direction, words string) engine.Timer {
	s.t.Helper()
	words, attempt, hasAttempt := strings.Cut(words, "#")
	name, round, hasRound := strings.Cut(words, "@")
	t := engine.Timer{Step: name, Direction: dir, Round: 1, Attempt: 1}
	for i := range s.state.Steps {
		st := &s.state.Steps[i]
		x := st.Action
		if dir == engine.Backward {
			x = st.Compensation
		}
		if st.Name == name && x != nil {
			t.Round, t.Attempt = x.Round, x.Attempt
		}
	}
	if hasRound {
		t.Round = number(s.t, round)
	}
	if hasAttempt {
		t.Attempt = number(s.t, attempt)
	}
	return t
}

func diffOf(a, b any) string {
	return gocmp.Diff(a, b, gocmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }))
}

var verdicts = map[engine.Verdict]string{
	engine.Applied: "Applied", engine.Settled: "Settled", engine.Unheard: "Unheard", engine.Late: "Late", engine.Refused: "Refused",
}

func words(vs []engine.Verdict) string {
	var all []string
	for _, v := range vs {
		all = append(all, verdicts[v])
	}
	return strings.Join(all, " ")
}

// status sums the story up.
func (s *story) status() v1alpha1.SagaStatus {
	return engine.Summarize(s.program, s.state, engine.Facts{Generation: 1, Now: s.now})
}

// steps shows the states of all steps that are not NotStarted: "reserve=Succeeded charge=Running".
func (s *story) steps() string {
	var all []string
	for _, st := range s.state.Steps {
		if st.State != v1alpha1.StepNotStarted {
			all = append(all, st.Name+"="+string(st.State))
		}
	}
	return strings.Join(all, " ")
}

// asked shows what is pending: "charge/forward/1/2 reserve/backward/1/1".
func (s *story) asked() string {
	s.t.Helper()
	var all []string
	for _, c := range s.pending() {
		all = append(all, c.Key())
	}
	return strings.Join(all, " ")
}

func (s *story) pending() []engine.Command {
	s.t.Helper()
	commands, err := s.run.Pending(s.state)
	if err != nil {
		s.t.Fatal(err)
	}
	return commands
}

// condition shows one condition: "True StepFailed".
func (s *story) condition(kind string) string {
	for _, c := range s.status().Conditions {
		if c.Type == kind {
			return string(c.Status) + " " + c.Reason
		}
	}
	return "absent"
}
