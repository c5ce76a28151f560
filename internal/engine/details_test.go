package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// command plays a story and returns the only command that is pending.
func command(t *testing.T, def, script string) engine.Command {
	t.Helper()
	s := tell(t, def, "")
	s.play(script)
	pending := s.pending()
	if len(pending) != 1 {
		t.Fatalf("want one command, got %v", pending)
	}
	return pending[0]
}

func TestWhatACommandSays(t *testing.T) {
	const timed = order + " | deadline=15m"
	at := func(d time.Duration) time.Time { return morning.Add(d) }
	rows := map[string]struct {
		story string
		want  engine.Command // data is not compared
	}{
		"the first has no cause and expires at the deadline": {"start", engine.Command{
			Step: "reserve", Direction: "forward", Round: 1, Attempt: 1, Participant: "reserve-service", Type: "reserve-service.do",
			Time: at(0), Expiry: at(15 * time.Minute), Timeout: 30 * time.Second}},
		"the next is caused by the answer": {"start; wait 1500ms + reserve ok", engine.Command{
			Step: "charge", Direction: "forward", Round: 1, Attempt: 1, Participant: "charge-service", Type: "charge-service.do",
			Time: at(time.Second), Expiry: at(15 * time.Minute), Timeout: 30 * time.Second, CausedBy: "reserve/forward/1/1"}},
		"a retry is caused by the attempt before": {"start; wait 30s + reserve silent; reserve again", engine.Command{
			Step: "reserve", Direction: "forward", Round: 1, Attempt: 2, Participant: "reserve-service", Type: "reserve-service.do",
			Time: at(31 * time.Second), Expiry: at(15 * time.Minute), Timeout: 30 * time.Second, CausedBy: "reserve/forward/1/1"}},
		"a pivot expires": {charged, engine.Command{
			Step: "ship", Direction: "forward", Round: 1, Attempt: 1, Participant: "ship-service", Type: "ship-service.do",
			Time: at(0), Expiry: at(15 * time.Minute), Timeout: 30 * time.Second, CausedBy: "charge/forward/1/1"}},
		"a retriable step does not": {shipped, engine.Command{
			Step: "invoice", Direction: "forward", Round: 1, Attempt: 1, Participant: "invoice-service", Type: "invoice-service.do",
			Time: at(0), Timeout: 30 * time.Second, CausedBy: "ship/forward/1/1"}},
		"an event has no time limit": {invoiced, engine.Command{
			Step: "announce", Direction: "forward", Round: 1, Attempt: 1, Participant: "announce-service", Type: "announce-service.happened",
			Publish: true, Time: at(0), CausedBy: "invoice/forward/1/1"}},
		"a compensation names what it undoes and what led to it": {reserved + "charge failed X", engine.Command{
			Step: "reserve", Direction: "backward", Round: 1, Attempt: 1, Participant: "reserve-service", Type: "reserve-service.undo",
			Time: at(0), Timeout: 30 * time.Second, UndoesRound: 1, CausedBy: "charge/forward/1/1"}},
		"a compensation after an abort has no cause": {"start; reserve ok + abort", engine.Command{
			Step: "reserve", Direction: "backward", Round: 1, Attempt: 1, Participant: "reserve-service", Type: "reserve-service.undo",
			Time: at(0), Timeout: 30 * time.Second, UndoesRound: 1}},
		"the last silence leads to the undoing": {"start; reserve silent; reserve again; reserve silent; reserve again; reserve silent; reserve again; " +
			"reserve silent; reserve again; wait 14s + reserve silent", engine.Command{
			Step: "reserve", Direction: "backward", Round: 1, Attempt: 1, Participant: "reserve-service", Type: "reserve-service.undo",
			Time: at(29 * time.Second), Timeout: 30 * time.Second, UndoesRound: 1, CausedBy: "reserve/forward/1/5"}},
		"a resumed deadline counts for what is asked then": {"start; suspend; reserve ok; wait 1m + resume", engine.Command{
			Step: "charge", Direction: "forward", Round: 1, Attempt: 1, Participant: "charge-service", Type: "charge-service.do",
			Time: at(time.Minute), Expiry: at(16 * time.Minute), Timeout: 30 * time.Second}},
		"an adopting command says so": {"start; reserve failed KeyUsed; adopt", engine.Command{
			Step: "reserve", Direction: "forward", Round: 1, Attempt: 2, Participant: "reserve-service", Type: "reserve-service.do",
			Time: at(0), Expiry: at(15 * time.Minute), Timeout: 30 * time.Second, Adopts: true, CausedBy: "reserve/forward/1/1"}},
		"and so do all that follow": {"start; reserve failed KeyUsed; adopt; reserve ok", engine.Command{
			Step: "charge", Direction: "forward", Round: 1, Attempt: 1, Participant: "charge-service", Type: "charge-service.do",
			Time: at(0), Expiry: at(15 * time.Minute), Timeout: 30 * time.Second, Adopts: true, CausedBy: "reserve/forward/1/2"}},
		"a new round is caused by the answer to the last": {shipped + "invoice failed X; decide invoice 1 Retry", engine.Command{
			Step: "invoice", Direction: "forward", Round: 2, Attempt: 1, Participant: "invoice-service", Type: "invoice-service.do",
			Time: at(0), Timeout: 30 * time.Second, CausedBy: "invoice/forward/1/1"}},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			got := command(t, timed, r.story)
			got.Data = nil
			if diff := diffOf(r.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHowLongARetryWaits(t *testing.T) {
	waits := func(t *testing.T, def, answer string, n int) string {
		t.Helper()
		s, all := tell(t, def, ""), []string{}
		s.play("start")
		for range n {
			s.play(answer)
			timers := s.run.Timers(s.state)
			if len(timers) != 1 || timers[0].Kind != engine.TimerBackoff {
				t.Fatalf("want one backoff, got %+v", timers)
			}
			all = append(all, timers[0].At.Sub(s.now).String())
			s.play("a again")
		}
		return strings.Join(all, " ")
	}
	rows := map[string]struct{ def, answer, want string }{
		"doubling up to the bound":                       {"a pivot", "a silent", "1s 2s 4s 8s 16s 30s 30s"},
		"at least what the participant asks for":         {"a pivot", `a retry {"retryAfter":7}`, "7s 7s 7s 8s 16s 30s 30s"},
		"never longer than the bound":                    {"a pivot", `a retry {"retryAfter":3600}`, "30s 30s 30s 30s 30s 30s 30s"},
		"a negative wish is none":                        {"a pivot", `a retry {"retryAfter":-5}`, "1s 2s 4s 8s 16s 30s 30s"},
		"jitter moves each wait, the same way each time": {"a pivot jitter=50", "a silent", waits(t, "a pivot jitter=50", "a silent", 7)},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			if got := waits(t, r.def, r.answer, 7); got != r.want {
				t.Errorf("want %s, got %s", r.want, got)
			}
		})
	}
	if waits(t, "a pivot", "a silent", 7) == waits(t, "a pivot jitter=50", "a silent", 7) {
		t.Error("jitter moved nothing")
	}
}

func outputs(s *story) string {
	var all []string
	for _, st := range s.state.Steps {
		if st.Output != nil {
			all = append(all, st.Name+string(st.Output.Raw))
		}
	}
	return strings.Join(all, " ")
}

func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	for name, r := range map[string]struct{ def, story, want string }{
		"everything, where nothing is named":     {"a", `start; a ok {"b":1,"a":{"x":[1]}}`, `a{"a":{"x":[1]},"b":1}`},
		"what is named":                          {"a keep=id,at", `start; a ok {"id":"r-1","rest":2}`, `a{"id":"r-1"}`},
		"nothing of an empty body":               {"a", "start; a ok", ""},
		"nothing where nothing named is there":   {"a keep=id", `start; a ok {"rest":2}`, ""},
		"nothing of a failure":                   {"a", "start; a failed X", ""},
		"what a person hands in":                 {"p pivot max=1 keep=id | r retriable", `start; p silent; decide p 1 MarkDone {"id":1,"rest":2}`, `p{"id":1}`},
		"not what comes after a person's word":   {"p pivot max=1 | r retriable", `start; p silent; decide p 1 Skip; p ok {"id":1}`, ""},
		"not what comes once the undoing began":  {"a max=1", `start; a silent; a ok {"id":1}`, ""},
		"what comes while others are waited for": {"a | b", `start; a ok {"id":1}; abort; b ok {"id":2}`, `a{"id":1} b{"id":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t, r.def, "")
			s.play(r.story)
			if got := outputs(s); got != r.want {
				t.Errorf("want %s, got %s", r.want, got)
			}
		})
	}
}

func TestAllOutputsTogetherAreBounded(t *testing.T) {
	var def, script []string
	for i := range 6 {
		def = append(def, fmt.Sprintf("s%d retriable", i))
		script = append(script, fmt.Sprintf("s%d ok 16000B", i))
	}
	// Inputs that read every output would grow beyond their own bound: these steps read nothing.
	p, err := engine.Compile(definition(t, strings.Join(def, " | ")), empty{})
	if err != nil {
		t.Fatal(err)
	}
	s := &story{t: t, program: p, run: p.For(engine.Saga{UID: "u", IdempotencyKey: "k"}), now: morning}
	s.play("start; " + strings.Join(script, ";"))
	if len(outputs(s)) > v1alpha1.MaxOutputsBytes || !strings.Contains(outputs(s), "s3{") || strings.Contains(outputs(s), "s4{") {
		t.Errorf("want the outputs of four steps, at most %d bytes, got %d", v1alpha1.MaxOutputsBytes, len(outputs(s)))
	}
	if got := s.state.Steps[4].Action; got.Outcome != v1alpha1.ExchangeSucceeded || got.Code != v1alpha1.CodeOutputTooLarge {
		t.Errorf("want success without output, got %+v", got)
	}
}

// empty renders nothing but {}.
type empty struct{ simulate.Greedy }

func (empty) Compile([]byte, engine.Scope) (engine.Template, error) { return empty{}, nil }
func (empty) Render(engine.Values) ([]byte, error)                  { return []byte("{}"), nil }

func TestCodesAndMessages(t *testing.T) {
	long := strings.Repeat("é", 300)
	for name, r := range map[string]struct {
		story, want string
		backward    bool
	}{
		"as the participant says":       {story: `start; reserve retry {"code":"BUSY","message":"later"}`, want: "BUSY later"},
		"a silence":                     {story: "start; reserve silent", want: "Timeout "},
		"an answer that cannot be read": {story: "start; reserve failed oops", want: "Unreadable the reply's body is no JSON object of at most 16 KiB"},
		"an empty one says nothing":     {story: "start; reserve failed", want: " "},
		"a long message is clipped":     {story: `start; reserve retry {"message":"` + long + `"}`, want: " " + strings.Repeat("é", 126) + "…"},
		"success clears it":             {story: "start; reserve silent; reserve ok", want: " "},
		"success after failure":         {story: "start; reserve failed X", want: "X "},
		"a late success says so":        {story: reserved + "abort; charge failed X; undo reserve failed Y; reserve ok", want: " "},
		"retries that ended":            {story: "start; abort; reserve retry", want: "RetriesExhausted "},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t, order, "")
			s.play(r.story)
			x := s.state.Steps[0].Action
			if got := x.Code + " " + x.Message; got != r.want {
				t.Errorf("want %q, got %q", r.want, got)
			}
		})
	}
}

func TestAnnouncements(t *testing.T) {
	for name, r := range map[string]struct{ story, want string }{
		"nothing while it runs":           {reserved, "nothing"},
		"the end":                         {invoiced + "announce published", "completed 1"},
		"the end of going backward":       {reserved + "charge failed X; undo reserve ok", "compensated 1"},
		"a wait for a person":             {shipped + "invoice failed X", "needs-intervention 1"},
		"not once the broker has it":      {shipped + "invoice failed X; announced 1", "nothing"},
		"the next wait":                   {shipped + "invoice failed X; announced 1; decide invoice 1 Retry; invoice failed X", "needs-intervention 2"},
		"not a wait that is over":         {shipped + "invoice failed X; decide invoice 1 Retry", "nothing"},
		"the next, where none was taken":  {shipped + "invoice failed X; decide invoice 1 Retry; invoice failed X", "needs-intervention 2"},
		"a wait while the rest is undone": {charged + "ship failed X; undo charge failed Y", "needs-intervention 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t, order, "")
			s.play(r.story)
			got := "nothing"
			if a, ok := engine.Announce(s.state); ok {
				got = fmt.Sprintf("%s %d", a.Outcome, a.Number)
				if !a.Time.Equal(morning) {
					t.Errorf("announced as of %v", a.Time)
				}
			}
			if got != r.want {
				t.Errorf("want %s, got %s", r.want, got)
			}
		})
	}
	check(t, map[string]row{
		"an acknowledgement of what an old copy never announced is judged again": {story: shipped + "announced 1", verdicts: "Unheard"},
		"one of an overtaken wait changes nothing":                               {story: shipped + "invoice failed X; decide invoice 1 Retry; announced 1", verdicts: "Settled"},
	})
}

func TestTimeNeverGoesBack(t *testing.T) {
	s := tell(t, order, "")
	s.play("start; wait 10s + reserve ok")
	s.now = morning
	s.play("charge ok")
	if got := s.pending()[0].Time; !got.Equal(morning.Add(10 * time.Second)) {
		t.Errorf("want the time of the last decision, got %v", got)
	}
}

func TestAStateOfAnotherProgramIsLeftAlone(t *testing.T) {
	s, other := tell(t, order, ""), tell(t, "reserve | ship pivot", "")
	s.play("start")
	next, got := other.run.Next(s.state, s.now, []engine.Event{s.event("reserve ok"), s.event("abort")})
	if diff := diffOf(s.state, next); diff != "" || words(got) != "Unheard Unheard" {
		t.Errorf("got %s and %s", words(got), diff)
	}
	pending, err := other.run.Pending(s.state)
	if len(pending) > 0 || err != nil || len(other.run.Timers(s.state)) > 0 {
		t.Errorf("another program's state asks for %v, %v", pending, err)
	}
}

func TestTimers(t *testing.T) {
	for name, r := range map[string]struct{ story, want string }{
		"before the start there are none":        {"nothing", ""},
		"an attempt and the deadline":            {"start", "Deadline 15m0s, Attempt reserve/forward/1/1 30s"},
		"a backoff":                              {"start; reserve silent", "Deadline 15m0s, Backoff reserve/forward/1/1 1s"},
		"a suspension stops all but the attempt": {"start; suspend", "Attempt reserve/forward/1/1 30s"},
		"and the backoff":                        {"start; reserve silent; suspend", ""},
		"going backward knows no deadline":       {reserved + "charge failed X", "Attempt reserve/backward/1/1 30s"},
		"nor does what lies beyond the pivot":    {shipped, "Attempt invoice/forward/1/1 30s"},
		"an event waits without time limit":      {invoiced, ""},
		"a deadline that has passed is no timer": {charged + "deadline", "Attempt ship/forward/1/1 30s"},
		"a used key waits for a person only":     {"start; reserve failed KeyUsed", ""},
		"a finished saga waits for nothing":      {invoiced + "announce published", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t, order+" | deadline=15m", "")
			s.play(r.story)
			var all []string
			for _, timer := range s.run.Timers(s.state) {
				switch timer.Kind {
				case engine.TimerDeadline:
					all = append(all, fmt.Sprintf("Deadline %s", timer.At.Sub(morning)))
				case engine.TimerBackoff:
					all = append(all, fmt.Sprintf("Backoff %s/%s/%d/%d %s", timer.Step, timer.Direction, timer.Round, timer.Attempt, timer.At.Sub(s.now)))
				case engine.TimerAttempt:
					all = append(all, fmt.Sprintf("Attempt %s/%s/%d/%d %s", timer.Step, timer.Direction, timer.Round, timer.Attempt, timer.Timeout))
				case engine.TimerDue, engine.TimerAwait:
					all = append(all, fmt.Sprintf("%s %s", timer.Kind, timer.Step)) // none of these stories has one
				}
			}
			if got := strings.Join(all, ", "); got != r.want {
				t.Errorf("want %q, got %q", r.want, got)
			}
		})
	}
}

func TestACommandHasNoExpiryWhileTheDeadlineStandsStill(t *testing.T) {
	c := command(t, "a | b after=a | w await=x | deadline=10m", "start; a ok")
	if c.Step != "b" || !c.Expiry.IsZero() {
		t.Errorf("got %+v", c)
	}
}
