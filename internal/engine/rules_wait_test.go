package engine_test

import "testing"

func TestADelayWaitsForATime(t *testing.T) {
	const trial = "a | trial delay=24h | b"
	check(t, map[string]row{
		"nothing is asked meanwhile": {def: trial, story: "start; a ok", asked: "-", phase: "Running", steps: "a=Succeeded trial=Running", stalled: "False Progressing"},
		"afterwards it goes on":      {def: trial, story: "start; a ok; trial due", asked: "b/forward/1/1", verdicts: "Applied"},
		"not earlier":                {def: trial, story: "start; a ok; wait 23h + trial due-early", asked: "-", verdicts: "Settled"},
		"once":                       {def: trial, story: "start; a ok; trial due; trial due", verdicts: "Settled"},
		"a time that has passed is not waited for": {def: "a | t until=2026-11-22T09:00:00Z | b", story: "start; a ok", asked: "b/forward/1/1"},
		"one to come is":                            {def: "a | t until=2026-11-22T11:00:00Z | b", story: "start; a ok; wait 59m + t due-early", asked: "-"},
		"until it comes":                            {def: "a | t until=2026-11-22T11:00:00Z | b", story: "start; a ok; t due", asked: "b/forward/1/1"},
		"one too far away fails the step":           {def: "a | t until=2027-12-22T11:00:00Z | b", story: "start; a ok", asked: "a/backward/1/1", steps: "a=Compensating t=Failed"},
		"and so does one that is no time":           {def: "a | t until=tomorrow | b", story: "start; a ok", asked: "a/backward/1/1"},
		"beyond the pivot a person must help":       {def: "p pivot | t retriable until=tomorrow", story: "start; p ok", phase: "NeedsIntervention"},
		"an abort ends it":                          {def: trial, story: "start; a ok; abort", asked: "a/backward/1/1", steps: "a=Compensating trial=Failed"},
		"beyond the pivot it does not":              {def: "p pivot | t retriable delay=1h", story: "start; p ok; abort", phase: "Running", condition: "False AbortRefused"},
		"a delay that has passed is not undone":     {def: trial, story: "start; a ok; trial due; b failed X; undo a ok", phase: "Compensated"},
		"while suspended it passes, and that is it": {def: trial, story: "start; a ok; suspend; trial due", asked: "-", steps: "a=Succeeded trial=Succeeded"},
		"it stands outside the deadline":            {def: trial + " | deadline=10m", story: "start; a ok; trial due; deadline early", asked: "b/forward/1/1", verdicts: "Settled"},
		"which goes on afterwards":                  {def: trial + " | deadline=10m", story: "start; wait 4m + a ok; trial due; wait 5m59s; deadline early", verdicts: "Settled", asked: "b/forward/1/1"},
		"from where it stood":                       {def: trial + " | deadline=10m", story: "start; wait 4m + a ok; trial due; wait 6m; deadline early", verdicts: "Applied", steps: "a=Succeeded trial=Succeeded b=Running"},
		"a suspension meanwhile counts once":        {def: trial + " | deadline=10m", story: "start; wait 4m + a ok; suspend; wait 2h; resume; trial due; wait 5m59s; deadline early", verdicts: "Settled"},
		"also one that lasts longer":                {def: trial + " | deadline=10m", story: "start; wait 4m + a ok; suspend; trial due; wait 2h; resume; wait 5m59s; deadline early", verdicts: "Settled"},
		"and then the rest counts":                  {def: trial + " | deadline=10m", story: "start; wait 4m + a ok; suspend; trial due; wait 2h; resume; wait 6m; deadline early", verdicts: "Applied"},
		"its own compensation runs":                 {def: "a | t delay=1h undopublish | b", story: "start; a ok; t due; b failed X", asked: "t/backward/1/1"},
	})
}

func TestAnApprovalWaitsForPeople(t *testing.T) {
	const one, two = "a | boss approval=1 for=2h | b", "a | boss approval=2 | b"
	check(t, map[string]row{
		"nothing is asked meanwhile":            {def: one, story: "start; a ok", asked: "-", phase: "Running", steps: "a=Succeeded boss=Running", stalled: "False Progressing"},
		"approved, it goes on":                  {def: one, story: "start; a ok; decide boss 1 MarkDone", asked: "b/forward/1/1", verdicts: "Applied"},
		"a decision counts once":                {def: one, story: "start; a ok; decide boss 1 MarkDone; decide boss 1 Compensate", verdicts: "Settled", asked: "b/forward/1/1"},
		"one about another wait does not count": {def: one, story: "start; a ok; decide boss 2 MarkDone", verdicts: "Refused", asked: "-"},
		"nor one before it waits":               {def: one, story: "start; decide boss 1 MarkDone", verdicts: "Refused"},
		"declined, the saga turns back":         {def: one, story: "start; a ok; decide boss 1 Compensate", asked: "a/backward/1/1", condition: "True StepFailed", steps: "a=Compensating boss=Failed"},
		"skipped, it goes on without":           {def: one, story: "start; a ok; decide boss 1 Skip", asked: "b/forward/1/1", steps: "a=Succeeded boss=Skipped b=Running"},
		"retried, its time begins anew":         {def: one, story: "start; a ok; wait 1h + decide boss 1 Retry; wait 90m + boss due-early", verdicts: "Settled", asked: "-"},
		"under a new number":                    {def: one, story: "start; a ok; decide boss 1 Retry; decide boss 2 MarkDone", asked: "b/forward/1/1"},
		"nobody decided in time":                {def: one, story: "start; a ok; boss due", asked: "a/backward/1/1", condition: "True StepFailed", steps: "a=Compensating boss=Failed"},
		"an optional one lets the rest go on":   {def: "a | boss approval=1 optional | b", story: "start; a ok; decide boss 1 Compensate", asked: "b/forward/1/1"},
		"two must approve":                      {def: two, story: "start; a ok; decide boss 1 MarkDone", asked: "-", steps: "a=Succeeded boss=Running"},
		"the same person counts once":           {def: two, story: "start; a ok; decide boss 1 MarkDone; decide boss 2 MarkDone", verdicts: "Refused", asked: "-"},
		"the second may decline":                {def: two, story: "start; a ok; decide boss 1 MarkDone; decide boss 2 Compensate", asked: "a/backward/1/1"},
		"beyond the pivot it cannot be declined": {def: "p pivot | boss retriable approval=1", story: "start; p ok; decide boss 1 Compensate",
			verdicts: "Refused", phase: "Running"},
		"and too late means that somebody must decide": {def: "p pivot | boss retriable approval=1", story: "start; p ok; boss due", phase: "NeedsIntervention"},
		"who may ask again":                            {def: "p pivot | boss retriable approval=1", story: "start; p ok; boss due; decide boss 2 Retry; decide boss 3 MarkDone", phase: "Completed"},
		"or skip it":                                   {def: "p pivot | boss retriable approval=1", story: "start; p ok; boss due; decide boss 2 Skip", phase: "Completed"},
		"a pivot that is approved is no way back":      {def: "a | boss pivot approval=1 | z retriable", story: "start; a ok; decide boss 1 MarkDone; abort", asked: "z/forward/1/1", condition: "False AbortRefused"},
		"one that is declined is":                      {def: "a | boss pivot approval=1", story: "start; a ok; decide boss 1 Compensate", asked: "a/backward/1/1"},
		"an abort does not wait for people":            {def: "a | boss pivot approval=1", story: "start; a ok; abort", asked: "a/backward/1/1"},
		"but only with the one that counts":            {def: "a | boss approval=2 optional | b when=has:boss", story: `start; a ok; decide boss 1 MarkDone {"limit":5}; decide boss 2 Compensate`, phase: "Completed", steps: "a=Succeeded boss=Failed b=Skipped"},
		"an output comes with the decision":            {def: one + " when=has:boss", story: `start; a ok; decide boss 1 MarkDone {"limit":5}`, asked: "b/forward/1/1"},
		"an output that is none is refused":            {def: one, story: `start; a ok; decide boss 1 MarkDone [1]`, verdicts: "Refused"},
		"it stands outside the deadline":               {def: one + " | deadline=10m", story: "start; a ok; wait 1h + deadline early", verdicts: "Settled", asked: "-"},
		"a decision is taken while suspended":          {def: one, story: "start; a ok; suspend; decide boss 1 MarkDone", verdicts: "Applied", asked: "-"},
	})
}

func TestTwoDifferentPeopleApprove(t *testing.T) {
	s := tell(t, "a | boss approval=2 | b", "")
	s.play("start; a ok; decide boss 1 MarkDone")
	s.by = "grace"
	s.play("decide boss 2 MarkDone")
	if got := s.asked(); got != "b/forward/1/1" {
		t.Errorf("asked %q", got)
	}
	if st := s.state.Steps[1]; len(st.ApprovedBy) != 2 || st.ApprovedBy[0] != "ada" || st.ApprovedBy[1] != "grace" {
		t.Errorf("approved by %v", st.ApprovedBy)
	}
}

func TestAnAwaitWaitsForAnEvent(t *testing.T) {
	const paid = "a | paid await=received | b"
	check(t, map[string]row{
		"nothing is asked meanwhile":                              {def: paid, story: "start; a ok", asked: "-", phase: "Running", steps: "a=Succeeded paid=Running"},
		"the event completes it":                                  {def: paid, story: "start; a ok; event paid-service.received", asked: "b/forward/1/1", verdicts: "Applied"},
		"its data is the output":                                  {def: paid + " when=has:paid", story: `start; a ok; event paid-service.received {"by":"card"}`, asked: "b/forward/1/1"},
		"another type does not":                                   {def: paid, story: "start; a ok; event paid-service.refused", asked: "-", verdicts: "Settled"},
		"nor another participant":                                 {def: paid, story: "start; a ok; event a-service.received", asked: "-", verdicts: "Settled"},
		"nor another key":                                         {def: paid, story: "start; a ok; event paid-service.received@k2", asked: "-", verdicts: "Settled"},
		"the key may be the definition's":                         {def: "a | paid await=received key=k2 | b", story: "start; a ok; event paid-service.received@k2", asked: "b/forward/1/1"},
		"a filter passes over what does not fit":                  {def: "a | paid await=received filter=event:card | b", story: `start; a ok; event paid-service.received {"by":"cash"}`, asked: "-", verdicts: "Settled"},
		"and takes what does":                                     {def: "a | paid await=received filter=event:card | b", story: `start; a ok; event paid-service.received {"by":"cash"}; event paid-service.received#2 {"by":"card"}`, asked: "b/forward/1/1"},
		"a filter that fails passes over":                         {def: "a | paid await=received filter=fails | b", story: `start; a ok; event paid-service.received`, asked: "-", verdicts: "Settled"},
		"the same event again changes nothing":                    {def: paid, story: "start; a ok; event paid-service.received; event paid-service.received", verdicts: "Settled", asked: "b/forward/1/1"},
		"one that came early counts":                              {def: paid, story: "start; event paid-service.received; a ok", asked: "b/forward/1/1"},
		"once, however often it came":                             {def: paid, story: "start; event paid-service.received; event paid-service.received", verdicts: "Settled", asked: "a/forward/1/1"},
		"before the saga has started it is early":                 {def: paid, story: "event paid-service.received", verdicts: "Unheard"},
		"an early one may be filtered at once":                    {def: "a | paid await=received filter=event:card | b", story: `start; event paid-service.received {"by":"cash"}`, verdicts: "Settled"},
		"or when it can be":                                       {def: "a | paid await=received filter=has:a | b", story: `start; event paid-service.received; a ok {"id":1}`, asked: "b/forward/1/1"},
		"and then not fit":                                        {def: "a | paid await=received filter=has:a | b", story: `start; event paid-service.received; a ok`, asked: "-"},
		"of two early ones the first counts for the first":        {def: "a | one await=x of=shop | two await=x of=shop", story: "start; event shop.x#1; event shop.x#2; a ok", phase: "Completed"},
		"one early event counts for one step":                     {def: "a | one await=x of=shop | two await=x of=shop", story: "start; event shop.x#1; a ok", steps: "a=Succeeded one=Succeeded two=Running"},
		"nobody sent it in time":                                  {def: paid, story: "start; a ok; paid due", asked: "a/backward/1/1", condition: "True StepFailed", steps: "a=Compensating paid=Failed"},
		"not too early":                                           {def: paid, story: "start; a ok; wait 59m + paid due-early", asked: "-", verdicts: "Settled"},
		"what it tells of may have happened":                      {def: "a | paid await=received undo | b", story: "start; a ok; paid due", asked: "paid/backward/1/1", condition: "True OutcomeUnknown"},
		"an optional one lets the rest go on":                     {def: "a | paid await=received optional | b", story: "start; a ok; paid due", asked: "b/forward/1/1"},
		"beyond the pivot a person must help":                     {def: "p pivot | paid retriable await=received", story: "start; p ok; paid due", phase: "NeedsIntervention"},
		"unless it comes after all":                               {def: "p pivot | paid retriable await=received", story: "start; p ok; paid due; event paid-service.received", phase: "Completed"},
		"or wait once more":                                       {def: "p pivot | paid retriable await=received", story: "start; p ok; paid due; decide paid 1 Retry; event paid-service.received", phase: "Completed", verdicts: "Applied"},
		"a pivot may be awaited":                                  {def: "a | paid pivot await=received | z retriable", story: "start; a ok; event paid-service.received; abort", condition: "False AbortRefused"},
		"an abort waits for it":                                   {def: "a | paid pivot await=received", story: "start; a ok; abort", asked: "-", phase: "Running"},
		"until its time is over":                                  {def: "a | paid pivot await=received", story: "start; a ok; abort; paid due", phase: "NeedsIntervention"},
		"and a person says that it did not come":                  {def: "a | paid pivot await=received", story: "start; a ok; abort; paid due; decide paid 1 Compensate", asked: "a/backward/1/1"},
		"an abort ends others":                                    {def: paid, story: "start; a ok; abort", asked: "a/backward/1/1", steps: "a=Compensating paid=Failed"},
		"and undoes what may have happened":                       {def: "a | paid await=received undo | b", story: "start; a ok; abort", asked: "paid/backward/1/1"},
		"also what came early":                                    {def: "a | paid await=received undo | b", story: "start; event paid-service.received; a failed X", asked: "paid/backward/1/1"},
		"but not what does not fit":                               {def: "a | paid await=received undo filter=has:a | b", story: "start; event paid-service.received; a failed X", phase: "Compensated"},
		"after the end events change nothing":                     {def: paid, story: "start; a ok; event paid-service.received; b ok; event paid-service.received#2", verdicts: "Settled"},
		"data that breaks its schema is undone":                   {def: "a | paid await=received undo schema=id | b", story: "start; a ok; event paid-service.received {}", asked: "paid/backward/1/1"},
		"it stands outside the deadline":                          {def: paid + " | deadline=10m", story: "start; a ok; wait 50m + deadline early", verdicts: "Settled", asked: "-"},
		"a ninth early event is told of":                          {def: "a | paid await=x key=k filter=has:a", story: "start; event paid-service.x@k#1; event paid-service.x@k#2; event paid-service.x@k#3; event paid-service.x@k#4; event paid-service.x@k#5; event paid-service.x@k#6; event paid-service.x@k#7; event paid-service.x@k#8; event paid-service.x@k#9", verdicts: "Late"},
		"an event that is awaited again counts for who waits":     {def: "one await=x of=shop optional | remind publish none | two await=x of=shop", story: "start; one due; remind published; event shop.x", phase: "Completed"},
		"and for who waits before who may wait later":             {def: "slow | one await=x of=shop after=slow | two await=x of=shop", story: "start; event shop.x", steps: "slow=Running two=Succeeded"},
		"one kept for a step that is skipped counts for the next": {def: "a | one await=x of=shop when=no | two await=x of=shop", story: "start; event shop.x; a ok", phase: "Completed"},
		"and so does one that its filter does not let through":    {def: "a | one await=x of=shop filter=has:a after=a | two await=x of=shop after=a", story: "start; event shop.x; a ok", steps: "a=Succeeded one=Running two=Succeeded"},
		"one that is left counts for an optional one that has failed": {def: "one await=x of=shop optional | a | two await=x of=shop",
			story: "start; one due; event shop.x#1; event shop.x#2; a ok", phase: "Completed", steps: "one=Compensated a=Succeeded two=Succeeded"},
		"or for one about which a person decides, and what waits for it begins": {def: "one await=x of=shop retriable | b retriable after=one | a retriable | two await=x of=shop retriable after=a",
			story: "start; one due; event shop.x#1; event shop.x#2; a ok", asked: "b/forward/1/1", steps: "one=Succeeded b=Running a=Succeeded two=Succeeded"},
		"what happens after it was undone is told of": {def: "a | paid await=received undo | b", story: "start; a ok; paid due; undo paid ok; event paid-service.received", verdicts: "Late"},
		"a needless key fails its step":               {def: "a | paid await=x key=fails", story: "start; a ok", asked: "a/backward/1/1"},
	})
}

func TestEventsArePublishedAndTakenBack(t *testing.T) {
	check(t, map[string]row{
		"an event that may be lost counts at once":                 {def: "a | e publish none once | b", story: "start; a ok", asked: "b/forward/1/1", steps: "a=Succeeded e=Succeeded b=Running"},
		"one that must not be lost is waited for":                  {def: "a | e publish none | b", story: "start; a ok", asked: "e/forward/1/1"},
		"what was published is taken back by an event":             {def: "a | e publish undopublish | b", story: "start; a ok; e published; b failed X", asked: "e/backward/1/1"},
		"once the broker has that, it is undone":                   {def: "a | e publish undopublish | b", story: "start; a ok; e published; b failed X; undo e published", asked: "a/backward/1/1", steps: "a=Compensating e=Compensated b=Failed"},
		"an answer to it is nobody's":                              {def: "a | e publish undopublish | b", story: "start; a ok; e published; b failed X; undo e ok", verdicts: "Unheard"},
		"an event may undo a command":                              {def: "a undopublish | b", story: "start; a ok; b failed X", asked: "a/backward/1/1"},
		"and its acknowledgement ends the saga":                    {def: "a undopublish | b", story: "start; a ok; b failed X; undo a published", phase: "Compensated"},
		"an acknowledgement of the wrong kind is none":             {def: "a undopublish | b", story: "start; a published", verdicts: "Settled", asked: "a/forward/1/1"},
		"what cannot be rendered fails, also where it may be lost": {def: "a | e publish none once needs=a", story: "start; a ok", asked: "a/backward/1/1"},
	})
}
