package participant

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

var (
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	earlier = noon.Add(-time.Hour)
)

const (
	doKey    = "main/shop/order-1/reserve/forward/1"
	undoKey  = "main/shop/order-1/reserve/backward/1"
	undoKey2 = "main/shop/order-1/reserve/backward/2"
)

func do() Command {
	return Command{SagaID: "saga-a", Direction: Forward, IdempotencyKey: doKey}
}

func undo(key string) Command {
	return Command{SagaID: "saga-a", Direction: Backward, IdempotencyKey: key, Undoes: doKey}
}

func (c Command) from(saga string) Command      { c.SagaID = saga; return c }
func (c Command) adopting() Command             { c.Adopts = true; return c }
func (c Command) observed() Command             { c.Observed = true; return c }
func (c Command) expiring(at time.Time) Command { c.Expiry = at; return c }

var (
	reserved = answer{Outcome: succeeded, Body: []byte(`{"reservationId":"r-1"}`), Time: earlier}
	soldOut  = answer{Outcome: failed, Body: []byte(`{"code":"OUT_OF_STOCK"}`), Time: earlier}
	released = answer{Outcome: succeeded, Body: []byte(`{}`), Time: earlier}
	stuck    = answer{Outcome: failed, Body: []byte(`{"code":"SHIPPED"}`), Time: earlier}

	neverSeen = row{}
	done      = row{saga: "saga-a", forward: reserved}
	refused   = row{saga: "saga-a", forward: soldOut}
	undone    = row{saga: "saga-a", undone: true, forward: reserved, backward: map[string]answer{undoKey: released}}
	tombstone = row{saga: "saga-a", undone: true, backward: map[string]answer{undoKey: released}}
	halfway   = row{saga: "saga-a", undone: true, forward: reserved, backward: map[string]answer{undoKey: stuck}}
)

// TestJudge has every judgement and, where two would fit, which comes first.
func TestJudge(t *testing.T) {
	const executes = "executes"
	rows := map[string]struct {
		row     row
		command Command
		want    string // code, stored body, or "executes"
		wantRow row    // compared but for answers made now
	}{
		"1 another saga's key is refused and stays the other's":         {done, do().from("saga-b"), CodeKeyUsed, done},
		"1 another saga's key cannot be undone either":                  {done, undo(undoKey).from("saga-b"), CodeKeyUsed, done},
		"1 a saga that adopts gets the row and the stored answer":       {done, do().from("saga-b").adopting(), string(reserved.Body), row{saga: "saga-b", forward: reserved}},
		"1 a saga that adopts may undo what the lost run did":           {done, undo(undoKey).from("saga-b").adopting(), executes, row{saga: "saga-b", forward: reserved}},
		"1 before 2: another saga is not told that it was undone":       {undone, do().from("saga-b"), CodeKeyUsed, undone},
		"1 before 3: another saga never gets the stored answer":         {refused, do().from("saga-b"), CodeKeyUsed, refused},
		"1 before 4: another saga's late command is refused as such":    {done, do().from("saga-b").expiring(earlier), CodeKeyUsed, done},
		"1 before 5: another saga makes no tombstone":                   {undone, undo(undoKey2).from("saga-b"), CodeKeyUsed, undone},
		"1 then 2: a row handed over is still undone":                   {undone, do().from("saga-b").adopting(), CodeUndone, row{saga: "saga-b", undone: true, forward: reserved, backward: undone.backward}},
		"2 what was undone is not done again":                           {tombstone, do(), CodeUndone, tombstone},
		"2 before 3: undone outweighs a stored success":                 {undone, do(), CodeUndone, undone},
		"2 before 3: undone holds from the first try to undo":           {halfway, do(), CodeUndone, halfway},
		"2 before 4: undone outweighs expired":                          {tombstone, do().expiring(earlier), CodeUndone, tombstone},
		"3 a success is answered again as it was":                       {done, do(), string(reserved.Body), done},
		"3 a business failure is answered again as it was":              {refused, do(), string(soldOut.Body), refused},
		"3 undoing is answered again as it was":                         {undone, undo(undoKey), string(released.Body), undone},
		"3 a refusal to undo is answered again as it was":               {halfway, undo(undoKey), string(stuck.Body), halfway},
		"3 before 4: a stored answer does not expire":                   {done, do().expiring(earlier), string(reserved.Body), done},
		"4 an action that comes too late is not done":                   {neverSeen, do().expiring(earlier), CodeExpired, row{saga: "saga-a", forward: answer{Outcome: failed, Time: noon}}},
		"4 undoing never expires":                                       {done, undo(undoKey).expiring(earlier), executes, done},
		"5 an action on its expiry time is in time":                     {neverSeen, do().expiring(noon), executes, row{saga: "saga-a"}},
		"5 an action that was never seen is executed":                   {neverSeen, do(), executes, row{saga: "saga-a"}},
		"5 what was done is undone":                                     {done, undo(undoKey), executes, done},
		"5 a refused undoing is tried again in the next round":          {halfway, undo(undoKey2), executes, halfway},
		"5 undoing an action never seen leaves a tombstone":             {neverSeen, undo(undoKey), "{}", row{saga: "saga-a", undone: true, backward: map[string]answer{undoKey: {Outcome: succeeded, Time: noon}}}},
		"5 undoing a failed action does nothing and marks it undone":    {refused, undo(undoKey), "{}", row{saga: "saga-a", undone: true, forward: soldOut, backward: map[string]answer{undoKey: {Outcome: succeeded, Time: noon}}}},
		"5 undoing what an earlier round undid does not undo it twice":  {undone, undo(undoKey2), "{}", row{saga: "saga-a", undone: true, forward: reserved, backward: map[string]answer{undoKey: released, undoKey2: {Outcome: succeeded, Time: noon}}}},
		"5 what the service did by itself is undone without a row":      {neverSeen, undo(undoKey).observed(), executes, row{saga: "saga-a"}},
		"5 what it did by itself is undone again after a refusal":       {row{saga: "saga-a", undone: true, backward: map[string]answer{undoKey: stuck}}, undo(undoKey2).observed(), executes, row{saga: "saga-a", undone: true, backward: map[string]answer{undoKey: stuck}}},
		"5 what it did by itself is undone once":                        {tombstone, undo(undoKey2).observed(), "{}", row{saga: "saga-a", undone: true, backward: map[string]answer{undoKey: released, undoKey2: {Outcome: succeeded, Time: noon}}}},
		"5 a command that failed did nothing, whoever observes it":      {refused, undo(undoKey).observed(), "{}", row{saga: "saga-a", undone: true, forward: soldOut, backward: map[string]answer{undoKey: {Outcome: succeeded, Time: noon}}}},
		"3 undoing what it did by itself is answered again as it was":   {tombstone, undo(undoKey).observed(), string(released.Body), tombstone},
		"5 a saga that adopts and was the first to ask is like another": {neverSeen, do().adopting(), executes, row{saga: "saga-a"}},
	}
	for name, tc := range rows {
		t.Run(name, func(t *testing.T) {
			before := plainRow(tc.row)
			got := judge(tc.row, tc.command, noon)
			if said := saidBy(t, got); said != tc.want {
				t.Errorf("answered %s, want %s", said, tc.want)
			}
			if diff := cmp.Diff(plainRow(tc.wantRow), plainRow(got.row)); diff != "" {
				t.Errorf("stored row (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, plainRow(tc.row)); diff != "" {
				t.Errorf("the argument was modified (-before +after):\n%s", diff)
			}
		})
	}
}

func TestStoredAnswersKeepTheirTime(t *testing.T) {
	if got := judge(done, do(), noon).answer.Time; !got.Equal(earlier) {
		t.Errorf("answered with time %s, want that of the first answer, %s", got, earlier)
	}
	if got := judge(done, do().from("saga-b"), noon).answer.Time; !got.Equal(noon) {
		t.Errorf("a refusal has time %s, want now, %s", got, noon)
	}
}

func TestLongMessagesFitTheContract(t *testing.T) {
	long := make([]byte, 3*wire.MaxBody)
	for i := range long {
		long[i] = '"' // each takes two bytes in JSON
	}
	if n := len(bodyOf(wire.Failure{Code: string(long), Message: string(long)})); n > wire.MaxBody {
		t.Errorf("body has %d bytes, at most %d are allowed", n, wire.MaxBody)
	}
}

// saidBy is the code of a failure made now, the body of any other answer, or "executes".
func saidBy(t *testing.T, j judgement) string {
	t.Helper()
	if j.execute {
		return "executes"
	}
	var f wire.Failure
	if err := json.Unmarshal(j.answer.Body, &f); err != nil {
		t.Fatalf("body %q: %v", j.answer.Body, err)
	}
	if j.answer.Time.Equal(noon) && f.Code != "" {
		return f.Code
	}
	return string(j.answer.Body)
}

// plainRow is the row as plain data; answers made now are compared without their body.
func plainRow(r row) map[string]string {
	plain := map[string]string{"saga": r.saga, "forward": plainAnswer(r.forward)}
	if r.undone {
		plain["undone"] = "yes"
	}
	for key, a := range r.backward {
		plain[key] = plainAnswer(a)
	}
	return plain
}

func plainAnswer(a answer) string {
	if a.Outcome == "" {
		return ""
	}
	if a.Time.Equal(noon) {
		return string(a.Outcome) + " now"
	}
	return string(a.Outcome) + " " + string(a.Body) + " " + a.Time.String()
}
