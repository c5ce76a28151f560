package engine_test

import (
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// row is one rule: a definition (order, where none is given), the story, and what stands at its end. What is left empty
// is not looked at, but asked, where "-" says that nothing is pending.
type row struct {
	def       string
	onKeyUsed v1alpha1.KeyUsedPolicy
	story     string
	verdicts  string // of the last decision
	phase     v1alpha1.SagaPhase
	steps     string
	asked     string
	condition string // of Compensating
	stalled   string
}

func check(t *testing.T, rows map[string]row) {
	t.Helper()
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			if r.def == "" {
				r.def = order
			}
			s := tell(t, r.def, r.onKeyUsed)
			last := s.play(r.story)
			st := s.status()
			for _, c := range []struct{ what, want, got string }{
				{"verdicts", r.verdicts, words(last)},
				{"phase", string(r.phase), string(st.Phase)},
				{"steps", r.steps, s.steps()},
				{"asked", r.asked, dash(s.asked())},
				{"condition Compensating", r.condition, s.condition(v1alpha1.ConditionCompensating)},
				{"condition Stalled", r.stalled, s.condition(v1alpha1.ConditionStalled)},
			} {
				if c.want != "" && c.want != c.got {
					t.Errorf("%s: want %q, got %q", c.what, c.want, c.got)
				}
			}
		})
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

const (
	started  = "start; "
	reserved = started + "reserve ok; "
	charged  = reserved + "charge ok; "
	shipped  = charged + "ship ok; "
	invoiced = shipped + "invoice ok; "
)

func TestStepsRunInOrderUntilEverythingIsDone(t *testing.T) {
	check(t, map[string]row{
		"a saga starts with its first step":     {story: started, phase: "Running", steps: "reserve=Running", asked: "reserve/forward/1/1"},
		"before the start nothing is asked":     {story: "nothing", phase: "Pending", steps: "", asked: "-"},
		"starting twice changes nothing":        {story: reserved + "start", verdicts: "Settled", asked: "charge/forward/1/1"},
		"each step follows the one before":      {story: reserved, steps: "reserve=Succeeded charge=Running", asked: "charge/forward/1/1"},
		"the pivot follows what can be undone":  {story: charged, asked: "ship/forward/1/1"},
		"beyond the pivot it goes on":           {story: shipped, asked: "invoice/forward/1/1"},
		"an event is pending until it is taken": {story: invoiced, asked: "announce/forward/1/1", phase: "Running"},
		"an event taken by the broker is done": {story: invoiced + "announce published", phase: "Completed", asked: "-",
			steps: "reserve=Succeeded charge=Succeeded ship=Succeeded invoice=Succeeded announce=Succeeded"},
		"an event taken twice changes nothing":        {story: invoiced + "announce published; announce published", verdicts: "Settled"},
		"an event taken on an old copy is not lost":   {story: shipped + "announce published", verdicts: "Unheard"},
		"an event taken before the start is not lost": {story: "announce published", verdicts: "Unheard"},
		"an event's silence has no time limit":        {story: invoiced + "announce silent", verdicts: "Settled", asked: "announce/forward/1/1"},
		"an event has no answer":                      {story: invoiced + "announce ok", verdicts: "Unheard", phase: "Running"},
		"a saga of one step":                          {def: "reserve", story: "start; reserve ok", phase: "Completed"},
		"a retriable saga":                            {def: "a retriable | b retriable", story: "start; a ok; b ok", phase: "Completed"},
	})
}

func TestABusinessFailureTurnsTheSagaBack(t *testing.T) {
	check(t, map[string]row{
		"a declined charge releases the inventory": {story: reserved + "charge failed DECLINED", phase: "Compensating",
			steps: "reserve=Compensating charge=Failed", asked: "reserve/backward/1/1", condition: "True StepFailed"},
		"the same answer read twice changes nothing": {story: reserved + "charge failed DECLINED; charge failed DECLINED", verdicts: "Settled",
			asked: "reserve/backward/1/1"},
		"all undone is Compensated": {story: reserved + "charge failed DECLINED; undo reserve ok", phase: "Compensated", asked: "-",
			steps: "reserve=Compensated charge=Failed", condition: "False Undone", stalled: "True Compensated"},
		"a refused pivot undoes all, latest first": {story: charged + "ship failed NO_TRUCK", asked: "charge/backward/1/1",
			steps: "reserve=Succeeded charge=Compensating ship=Failed"},
		"the next undo follows the one before":   {story: charged + "ship failed NO_TRUCK; undo charge ok", asked: "reserve/backward/1/1"},
		"a first step that fails leaves nothing": {story: started + "reserve failed EMPTY", phase: "Compensated", steps: "reserve=Failed"},
		"a step without compensation needs none": {def: "look none | reserve", story: "start; look ok; reserve failed X", phase: "Compensated", steps: "look=Compensated reserve=Failed"},
		"a failure answered to every attempt is exempt": {story: reserved + "charge retry BUSY; charge again; charge failed DECLINED",
			steps: "reserve=Compensating charge=Failed"},
		"a failure after a silence is undone all the same": {story: reserved + "charge silent; charge again; charge failed DECLINED",
			steps: "reserve=Succeeded charge=Compensating", asked: "charge/backward/1/1", condition: "True StepFailed"},
		"a failure of an earlier attempt leaves the current one unanswered": {
			story: reserved + "charge retry BUSY; charge again; charge#1 failed DECLINED", steps: "reserve=Succeeded charge=Compensating"},
		"a pivot's failure is believed whatever was silent": {story: charged + "ship silent; ship again; ship failed NO_TRUCK",
			steps: "reserve=Succeeded charge=Compensating ship=Failed"},
		"a retriable step that fails waits for a person": {story: shipped + "invoice failed NO_ADDRESS", phase: "NeedsIntervention", asked: "-",
			steps: "reserve=Succeeded charge=Succeeded ship=Succeeded invoice=NeedsIntervention", stalled: "True NeedsIntervention"},
	})
}

func TestSilenceIsAnUnknownOutcome(t *testing.T) {
	check(t, map[string]row{
		"a silent attempt is made again under the same round": {story: started + "reserve silent; reserve again", asked: "reserve/forward/1/2"},
		"until its backoff is over nothing is asked":          {story: started + "reserve silent", asked: "-", phase: "Running"},
		"a backoff that is not over is no reason":             {story: started + "reserve silent; reserve#2 again", verdicts: "Settled", asked: "-"},
		"an overtaken silence changes nothing":                {story: started + "reserve silent; reserve again; reserve#1 silent", verdicts: "Settled", asked: "reserve/forward/1/2"},
		"silence read together with the answer loses":         {story: started + "reserve silent + reserve ok", verdicts: "Settled Applied", asked: "charge/forward/1/1"},
		"an answer after 40 s to a timeout of 30 s completes its step": {story: started + "wait 30s + reserve silent; wait 10s + reserve ok",
			steps: "reserve=Succeeded charge=Running", asked: "charge/forward/1/1"},
		"an answer to the first attempt settles the second": {story: started + "reserve silent; reserve again; reserve#1 ok", asked: "charge/forward/1/1"},
		"a second answer changes nothing":                   {story: started + "reserve silent; reserve again; reserve#1 ok; reserve#2 ok", verdicts: "Settled"},
		"retries that end in silence are undone": {def: "reserve max=2 | ship pivot", story: "start; reserve silent; reserve again; reserve silent",
			steps: "reserve=Compensating", asked: "reserve/backward/1/1", condition: "True OutcomeUnknown"},
		"retries that end in retry are undone too": {def: "reserve max=2 | ship pivot", story: "start; reserve retry BUSY; reserve again; reserve retry BUSY",
			steps: "reserve=Compensating", asked: "reserve/backward/1/1", condition: "True OutcomeUnknown"},
		"a retry to an earlier attempt says nothing": {story: started + "reserve silent; reserve again; reserve#1 retry BUSY", verdicts: "Settled",
			asked: "reserve/forward/1/2"},
		"five attempts are the default": {story: started + "reserve silent; reserve again; reserve silent; reserve again; reserve silent; reserve again; " +
			"reserve silent; reserve again; reserve silent", steps: "reserve=Compensating"},
		"a pivot is tried again without limit": {story: charged + "ship silent; ship again; ship silent; ship again; ship silent; ship again; " +
			"ship silent; ship again; ship silent; ship again; ship silent; ship again", asked: "ship/forward/1/7", phase: "Running"},
		"a pivot whose outcome stays unknown waits for a person": {def: "reserve | ship pivot max=1", story: "start; reserve ok; ship silent",
			phase: "NeedsIntervention", steps: "reserve=Succeeded ship=NeedsIntervention", asked: "-", condition: "False NotNeeded"},
		"a late success settles the wait":          {def: "reserve | ship pivot max=1", story: "start; reserve ok; ship silent; ship ok", phase: "Completed"},
		"a late failure settles it the other way":  {def: "reserve | ship pivot max=1", story: "start; reserve ok; ship silent; ship failed NO_TRUCK", asked: "reserve/backward/1/1"},
		"a retriable step whose retries end waits": {def: "ship pivot | invoice retriable max=1", story: "start; ship ok; invoice silent", phase: "NeedsIntervention"},
		"a late success of an undone step is only noted": {def: "reserve max=1", story: "start; reserve silent; reserve ok", verdicts: "Applied",
			steps: "reserve=Compensating", asked: "reserve/backward/1/1"},
		"a late failure of a step being undone changes nothing else": {def: "reserve max=1", story: "start; reserve silent; reserve failed X",
			steps: "reserve=Compensating", asked: "reserve/backward/1/1"},
	})
}

func TestLateAndForeignAnswers(t *testing.T) {
	const declined = reserved + "charge failed DECLINED; "
	const pivotOnly = "ship pivot | invoice retriable max=1"
	check(t, map[string]row{
		"success after failure is undone with the rest": {story: declined + "charge ok", verdicts: "Applied",
			steps: "reserve=Compensating charge=Compensating", asked: "reserve/backward/1/1 charge/backward/1/1"},
		"success after failure when all was undone is a dead letter": {story: declined + "undo reserve ok; charge ok", verdicts: "Late", phase: "Compensated"},
		"failure after the end is settled":                           {story: declined + "undo reserve ok; charge failed X", verdicts: "Settled"},
		"success of a pivot after its failure needs a person": {story: charged + "ship failed NO_TRUCK; ship ok", verdicts: "Applied", asked: "charge/backward/1/1",
			steps: "reserve=Succeeded charge=Compensating ship=NeedsIntervention"},
		"the others are undone meanwhile": {story: charged + "ship failed NO_TRUCK; ship ok; undo charge ok; undo reserve ok", phase: "NeedsIntervention", asked: "-",
			steps: "reserve=Compensated charge=Compensated ship=NeedsIntervention"},
		"success of a retriable step after its failure settles the wait": {story: shipped + "invoice failed X; invoice ok", asked: "announce/forward/1/1"},
		"success of an earlier round is a dead letter":                   {story: shipped + "invoice failed X; decide invoice 1 Retry; invoice@1#1 ok", verdicts: "Late", asked: "invoice/forward/2/1"},
		"failure of an earlier round is settled":                         {story: shipped + "invoice failed X; decide invoice 1 Retry; invoice@1#1 failed X", verdicts: "Settled"},
		"success after a person said done is settled":                    {def: pivotOnly, story: "start; ship ok; invoice silent; decide invoice 1 MarkDone; invoice ok", verdicts: "Settled"},
		"an answer before the start is judged again":                     {story: "reserve ok", verdicts: "Unheard"},
		"an answer of an unknown step is judged again":                   {story: started + "nobody ok", verdicts: "Unheard"},
		"an answer to what is not asked yet is judged again":             {story: started + "charge ok", verdicts: "Unheard"},
		"an answer to a later attempt is judged again":                   {story: started + "reserve#2 ok", verdicts: "Unheard"},
		"an answer to a later round is judged again":                     {story: started + "reserve@2#1 ok", verdicts: "Unheard", asked: "reserve/forward/1/1"},
		"an answer to round zero is judged again":                        {story: started + "reserve@0#1 ok", verdicts: "Unheard"},
		"an answer to attempt zero is judged again":                      {story: started + "reserve#0 ok", verdicts: "Unheard"},
		"an answer of the other direction is judged again":               {story: started + "undo reserve ok", verdicts: "Unheard", asked: "reserve/forward/1/1"},
		"a forward answer does not settle the compensation":              {story: declined + "reserve ok", verdicts: "Settled", asked: "reserve/backward/1/1"},
		"an answer after the end is settled":                             {story: invoiced + "announce published; invoice ok", verdicts: "Settled", phase: "Completed"},
	})
}

func TestBodies(t *testing.T) {
	check(t, map[string]row{
		"an empty body is an empty object":                      {story: started + "reserve ok", steps: "reserve=Succeeded charge=Running"},
		"too large a body took effect and is undone":            {story: started + "reserve ok 16385B", steps: "reserve=Compensating", condition: "True StepFailed"},
		"a body at its bound is taken":                          {def: "reserve", story: "start; reserve ok 16384B", phase: "Completed"},
		"no JSON took effect and is undone":                     {story: started + "reserve ok not json", steps: "reserve=Compensating"},
		"no object took effect and is undone":                   {story: started + "reserve ok [1]", steps: "reserve=Compensating"},
		"null took effect and is undone":                        {story: started + "reserve ok null", steps: "reserve=Compensating"},
		"for a pivot a refused body counts":                     {story: charged + "ship ok not json", steps: "reserve=Succeeded charge=Succeeded ship=Succeeded invoice=Running"},
		"for a retriable step a refused body counts":            {story: shipped + "invoice ok 20000B", asked: "announce/forward/1/1"},
		"a failure that cannot be read is a failure":            {story: reserved + "charge failed not json", steps: "reserve=Compensating charge=Failed"},
		"a retry that cannot be read is a retry":                {story: started + "reserve retry not json; reserve again", asked: "reserve/forward/1/2"},
		"the body of an answer to a compensation is not judged": {story: reserved + "charge failed X; undo reserve ok not json", phase: "Compensated"},
	})
}
