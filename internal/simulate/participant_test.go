package simulate

import (
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// message is a command of the saga uid; forward unless undo.
func message(uid string, attempt int32, change ...func(*Message)) Message {
	m := Message{SagaUID: uid, SagaKey: "test/shop/order-1", Command: engine.Command{
		Step: "charge", Direction: engine.Forward, Round: 1, Attempt: attempt,
	}}
	for _, c := range change {
		c(&m)
	}
	return m
}

func undo(m *Message)    { m.Direction, m.UndoesRound = engine.Backward, 1 }
func adopts(m *Message)  { m.Adopts = true }
func expired(m *Message) { m.Expiry = morning.Add(-time.Second) }

func TestParticipantsJudgeInTheOrderOfTheContract(t *testing.T) {
	for name, r := range map[string]struct {
		commands []Message
		outcome  engine.Outcome // of every execution
		want     string         // of the last command
		books    Entry
	}{
		"a new command is executed":                 {[]Message{message("a", 1)}, engine.Succeeded, "succeeded", Entry{1, 0}},
		"the stored answer is repeated":             {[]Message{message("a", 1), message("a", 2)}, engine.Succeeded, "succeeded", Entry{1, 0}},
		"a stored failure too":                      {[]Message{message("a", 1), message("a", 2)}, engine.Failed, "failed", Entry{}},
		"a retry is not stored":                     {[]Message{message("a", 1), message("a", 2)}, engine.Retry, "retry", Entry{}},
		"another saga's key is refused":             {[]Message{message("a", 1), message("b", 1)}, engine.Succeeded, `failed {"code":"KeyUsed"}`, Entry{1, 0}},
		"and stays the other's":                     {[]Message{message("a", 1), message("b", 1), message("a", 2)}, engine.Succeeded, "succeeded", Entry{1, 0}},
		"unless it is adopted":                      {[]Message{message("a", 1), message("b", 1, adopts)}, engine.Succeeded, "succeeded", Entry{1, 0}},
		"then the first saga has lost it":           {[]Message{message("a", 1), message("b", 1, adopts), message("a", 2)}, engine.Succeeded, `failed {"code":"KeyUsed"}`, Entry{1, 0}},
		"undoing undoes":                            {[]Message{message("a", 1), message("a", 1, undo)}, engine.Succeeded, "succeeded", Entry{1, 1}},
		"undoing twice undoes once":                 {[]Message{message("a", 1), message("a", 1, undo), message("a", 2, undo)}, engine.Succeeded, "succeeded", Entry{1, 1}},
		"what was undone is refused":                {[]Message{message("a", 1), message("a", 1, undo), message("a", 2)}, engine.Succeeded, `failed {"code":"Undone"}`, Entry{1, 1}},
		"what was undone before it came is refused": {[]Message{message("a", 1, undo), message("a", 1)}, engine.Succeeded, `failed {"code":"Undone"}`, Entry{}},
		"undoing another saga's is refused":         {[]Message{message("a", 1), message("b", 1, undo)}, engine.Succeeded, `failed {"code":"KeyUsed"}`, Entry{1, 0}},
		"a failed undo undoes nothing":              {[]Message{message("a", 1, undo), message("a", 1)}, engine.Failed, "failed", Entry{}},
		"an expired command is not executed":        {[]Message{message("a", 1, expired)}, engine.Succeeded, `failed {"code":"Expired"}`, Entry{}},
		"and that is stored":                        {[]Message{message("a", 1, expired), message("a", 2)}, engine.Succeeded, `failed {"code":"Expired"}`, Entry{}},
		"a stored answer does not expire":           {[]Message{message("a", 1), message("a", 2, expired)}, engine.Succeeded, "succeeded", Entry{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			b, last := NewBooks(), Reply{}
			for _, m := range r.commands {
				last = b.Judge(m, morning, func(Message) Answer { return Answer{Outcome: r.outcome} })
			}
			got := string(last.Outcome)
			if len(last.Body) > 0 {
				got += " " + string(last.Body)
			}
			if got != r.want || b.Entry(message("a", 1).Key()) != r.books {
				t.Errorf("want %s and %+v, got %s and %+v", r.want, r.books, got, b.Entry(message("a", 1).Key()))
			}
		})
	}
}

func TestAStaleWriteDies(t *testing.T) {
	s := NewStore()
	first, err := s.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	first.Revision = "r1"
	if _, err := s.Write(0, first); err != nil {
		t.Fatal(err)
	}
	first.Revision = "r2"
	if _, err := s.Write(0, first); err == nil || s.Version() != 1 {
		t.Errorf("a write over version 1 of what version 0 led to: %v, now version %d", err, s.Version())
	}
}
