package engine_test

import (
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestAKeyBelongsToOneSaga(t *testing.T) {
	const used = started + "reserve failed KeyUsed; "
	check(t, map[string]row{
		"a used key waits for a person":      {story: used, phase: "NeedsIntervention", stalled: "True KeyUsed", asked: "-", steps: "reserve=NeedsIntervention"},
		"abort ends it with nothing to undo": {story: used + "abort", phase: "Compensated", steps: "reserve=Failed", condition: "False Undone"},
		"delete does too":                    {story: used + "delete", phase: "Compensated", steps: "reserve=Failed"},
		"with policy End it ends at once":    {onKeyUsed: v1alpha1.KeyUsedEnd, story: used, phase: "Compensated", steps: "reserve=Failed"},
		"abort ends it at a pivot":           {def: "p pivot | r retriable", story: "start; p failed KeyUsed; abort", phase: "Compensated", steps: "p=Failed"},
		"abort ends it at a retriable step":  {def: "r retriable | q retriable", story: "start; r failed KeyUsed; abort", phase: "Compensated", steps: "r=Failed"},
		"End ends it at a retriable step": {def: "r retriable", onKeyUsed: v1alpha1.KeyUsedEnd, story: "start; r failed KeyUsed",
			phase: "Compensated", steps: "r=Failed"},
		"past the point of no return End waits":                               {def: "p pivot | r retriable", onKeyUsed: v1alpha1.KeyUsedEnd, story: "start; p ok; r failed KeyUsed", stalled: "True KeyUsed"},
		"past the point of no return abort waits":                             {def: "p pivot | r retriable", story: "start; p ok; r failed KeyUsed; abort", stalled: "True KeyUsed", condition: "False AbortRefused"},
		"at a later step the earlier are undone":                              {story: reserved + "charge failed KeyUsed; abort", asked: "reserve/backward/1/1", steps: "reserve=Compensating charge=Failed"},
		"after a silence it is still never undone":                            {story: started + "reserve silent; reserve again; reserve failed KeyUsed; abort", phase: "Compensated", steps: "reserve=Failed"},
		"going backward it counts as nothing done":                            {story: started + "abort; reserve failed KeyUsed", phase: "Compensated", steps: "reserve=Failed"},
		"retry is no answer to it":                                            {def: "p pivot", story: "start; p failed KeyUsed; decide p 1 Retry", verdicts: "Refused"},
		"compensating is none either":                                         {story: used + "decide reserve 1 Skip", verdicts: "Refused"},
		"a compensation refused as KeyUsed of what never answered is settled": {def: "a max=1", story: "start; a silent; undo a failed KeyUsed", phase: "Compensated", steps: "a=Failed"},
		"one of what succeeded needs a person":                                {story: started + "abort; reserve ok; undo reserve failed KeyUsed", phase: "NeedsIntervention", steps: "reserve=NeedsIntervention"},
		"a late KeyUsed changes no person's decision": {def: "a | p pivot max=1 | r retriable", story: "start; a ok; p silent; decide p 1 Skip; p failed KeyUsed",
			steps: "a=Succeeded p=Skipped r=Running", asked: "r/forward/1/1"},
		"nor what needs no undoing":                             {def: "a | b none max=1", story: "start; a ok; b silent; b failed KeyUsed", steps: "a=Compensating b=Compensated"},
		"a late KeyUsed of a step being undone changes nothing": {def: "a max=1", story: "start; a silent; a failed KeyUsed", steps: "a=Compensating", asked: "a/backward/1/1"},
	})
}

func TestWhatIsAnothersIsNotUndone(t *testing.T) {
	const (
		beside  = "w await=x undo | a | c after=a+w"
		told    = "start; event w-service.x; a failed KeyUsed; "
		publish = "e publish undo | a | c after=a+e"
	)
	check(t, map[string]row{
		"what an event told of waits for a person": {def: beside, story: told + "abort", asked: "-", phase: "NeedsIntervention", steps: "w=NeedsIntervention a=Failed"},
		"who leaves it":    {def: beside, story: told + "abort; decide w 1 Skip", phase: "Compensated", steps: "w=NotCompensated a=Failed"},
		"or has it undone": {def: beside, story: told + "abort; decide w 1 Retry", asked: "w/backward/1/1"},
		"with policy End it is left to the other saga": {def: beside, onKeyUsed: v1alpha1.KeyUsedEnd, story: told, asked: "-", phase: "Compensated", steps: "w=Failed a=Failed"},
		"what was published is no other matter":        {def: publish, story: "start; e published; a failed KeyUsed; abort", asked: "-", phase: "NeedsIntervention", steps: "e=NeedsIntervention a=Failed"},
		"what was not heard of is not undone":          {def: beside, story: "start; a failed KeyUsed; abort", asked: "-", phase: "Compensated", steps: "w=Failed a=Failed"},
		"nor what is heard of only then":               {def: beside + " | d await=y undo after=c", story: "start; event d-service.y; a failed KeyUsed; abort", phase: "Compensated", steps: "w=Failed a=Failed"},
		"what this saga was answered is undone":        {def: "a | b | c await=x undo after=a", story: "start; a ok; b failed KeyUsed; event c-service.x; abort", steps: "a=Compensating b=Failed c=NeedsIntervention"},
		"adopting afterwards undoes all with the rest": {def: beside, story: told + "abort; adopt", steps: "w=Unknown a=Unknown c=Compensating", asked: "c/backward/1/1"},
		"also what was not heard of":                   {def: beside + " | z await=z undo", story: "start; event w-service.x; a failed KeyUsed; abort; adopt", asked: "c/backward/1/1 z/backward/1/1"},
		"an event that comes while its step is undone is remembered": {def: "a max=1 | w await=x undo", story: "start; adopt; a silent; event w-service.x", verdicts: "Applied",
			steps: "a=Unknown w=Compensating", asked: "w/backward/1/1"},
		"one that comes after it is told of": {def: "a max=1 | w await=x undo", story: "start; adopt; a silent; undo w ok; event w-service.x", verdicts: "Late"},
		"and asks about what nothing can undo": {def: "e publish undo | z retriable", story: "start; e published; z failed KeyUsed; delete; adopt; undo e ok",
			steps: "e=Compensated z=NeedsIntervention", phase: "NeedsIntervention"},
		"where a person says that the pivot was not done, they are asked about the rest": {def: "w await=x undopublish | p pivot",
			story: "start; event w-service.x; p failed KeyUsed; decide p 1 Compensate", asked: "-", phase: "NeedsIntervention", steps: "w=NeedsIntervention p=Failed"},
		"and may adopt all of it after all": {def: "w await=x undo | p pivot", story: "start; event w-service.x; p failed KeyUsed; decide p 1 Compensate; adopt",
			asked: "w/backward/1/1", steps: "w=Compensating p=NeedsIntervention"},
		"an abort that comes with the adoption asks nobody": {def: beside, story: told + "adopt + abort", steps: "w=Succeeded a=Unknown c=Compensating"},
	})
}

func TestAdopting(t *testing.T) {
	const used = started + "reserve failed KeyUsed; "
	check(t, map[string]row{
		"asks again under the same key":                  {story: used + "adopt", asked: "reserve/forward/1/2", phase: "Running"},
		"twice changes nothing":                          {story: used + "adopt; adopt", verdicts: "Settled"},
		"goes on with what the lost run was answered":    {story: used + "adopt; reserve ok", asked: "charge/forward/1/1"},
		"a stale KeyUsed says nothing":                   {story: used + "adopt; reserve#1 failed KeyUsed", verdicts: "Settled", asked: "reserve/forward/1/2"},
		"nor does one after a silence":                   {story: started + "reserve silent + adopt; reserve again; reserve#1 failed KeyUsed", verdicts: "Settled", asked: "reserve/forward/1/2"},
		"a KeyUsed that arrives after it is asked again": {story: started + "adopt; reserve failed KeyUsed", asked: "reserve/forward/1/2"},
		"also in the same decision":                      {story: started + "adopt + reserve failed KeyUsed", asked: "reserve/forward/1/2"},
		"also with policy End":                           {onKeyUsed: v1alpha1.KeyUsedEnd, story: started + "reserve failed KeyUsed + adopt", asked: "reserve/forward/1/2"},
		"another KeyUsed waits again":                    {story: used + "adopt; reserve failed KeyUsed", stalled: "True KeyUsed"},
		"Undone is a failure: the lost run turned back":  {story: used + "adopt; reserve ok; charge failed Undone", steps: "reserve=Compensating charge=Failed"},
		"with an abort asks nothing forward and undoes": {story: used + "adopt + abort", phase: "Compensating", condition: "True Aborted",
			steps: "reserve=Unknown charge=Compensating ship=NeedsIntervention", asked: "charge/backward/1/1"},
		"then undoes what the lost run may have done": {story: used + "adopt; abort; reserve ok", asked: "charge/backward/1/1",
			steps: "reserve=Succeeded charge=Compensating ship=NeedsIntervention"},
		"and asks a person about the point of no return": {story: used + "adopt; abort; reserve ok; undo charge ok; undo reserve ok", phase: "NeedsIntervention",
			steps: "reserve=Compensated charge=Compensated ship=NeedsIntervention"},
		"who knows": {story: used + "adopt; abort; reserve ok; undo charge ok; undo reserve ok; decide ship 1 MarkDone", phase: "Compensated",
			steps: "reserve=Compensated charge=Compensated ship=Compensated"},
		"a failure proves that it was not passed":            {story: used + "adopt; reserve ok; charge failed X", steps: "reserve=Compensating charge=Failed"},
		"a pivot that was refused is asked despite an abort": {def: "p pivot", story: "start; p failed KeyUsed; adopt + abort", asked: "p/forward/1/2", phase: "Running"},
		"a later round of the lost run is undone, too":       {def: "a | b retryable=BUSY | c", story: "start; a failed KeyUsed; adopt; a ok; b failed BUSY; abort", steps: "a=Succeeded b=Unknown c=Compensating"},
		"and one that was not asked needs a person":          {def: "a | b retryable=BUSY | c", story: "start; a failed KeyUsed; adopt; a failed X; undo c ok", steps: "a=Failed b=NeedsIntervention c=Compensated"},
		"and so does one whose answer is that of an earlier round": {def: "a | b retryable=BUSY max=1 | c", story: "start; a failed KeyUsed; adopt; a ok; b failed BUSY; undo c ok",
			steps: "a=Compensating b=NeedsIntervention c=Compensated"},
		"also where an attempt of it was not answered": {def: "a | b retryable=BUSY max=2 | c", story: "start; a failed KeyUsed; adopt; a ok; b silent; b again; b failed BUSY; undo c ok",
			steps: "a=Compensating b=NeedsIntervention c=Compensated"},
		"but not where no other round follows":  {def: "a | b retryable=BUSY max=1 | c", story: "start; a failed KeyUsed; adopt; a ok; b failed X", steps: "a=Succeeded b=Failed c=Compensating"},
		"nor where the answer is this saga's":   {def: "a | b retryable=BUSY max=1 | c", story: "start; a ok; b failed BUSY", steps: "a=Compensating b=Failed"},
		"a pivot that may be further needs one": {def: "p pivot retryable=BUSY max=1", story: "start; p failed KeyUsed; adopt; p failed BUSY", steps: "p=NeedsIntervention", phase: "NeedsIntervention"},
		"an optional step, too": {def: "a | b optional retryable=BUSY max=1 | c", story: "start; a failed KeyUsed; adopt; a ok; b failed BUSY", steps: "a=Succeeded b=NeedsIntervention",
			phase: "NeedsIntervention", asked: "-"},
		"about which is decided as about undoing it": {def: "a | b optional retryable=BUSY max=1 | c", story: "start; a failed KeyUsed; adopt; a ok; b failed BUSY; decide b 1 Skip", steps: "a=Succeeded b=NotCompensated c=Running"},
		"what cannot be asked for may have been done by the lost run": {def: "w await=x | b needs=w | c", story: "start; adopt; event w-service.x; undo c ok",
			asked: "-", steps: "w=Compensated b=NeedsIntervention c=Compensated"}, // what undoes it cannot be made either
		"a refusal that is heard while it goes back is the lost run's": {def: "a max=1 | b await=x undo | c", story: "start; event b-service.x; a silent + adopt; a failed KeyUsed; undo c ok; undo b ok", asked: "a/backward/1/1"},
		"also a pivot": {def: "w await=x | p needs=w pivot", story: "start; adopt; event w-service.x", phase: "NeedsIntervention", steps: "w=Compensated p=NeedsIntervention"},
		"and one that is published": {def: "w await=x | e publish none pivot needs=w | z retriable", story: "start; adopt; event w-service.x", phase: "NeedsIntervention",
			steps: "w=Compensated e=NeedsIntervention"},
		"and an optional step": {def: "a | w await=x | b optional needs=w undoneeds=a | c", story: `start; adopt; a ok {"id":1}; event w-service.x`, asked: "b/backward/1/1", steps: "a=Succeeded w=Succeeded b=Compensating"},
		"whenever it is adopted": {def: "a | w await=x | b optional needs=w undoneeds=a | c", story: `start; a ok {"id":1}; event w-service.x; adopt`, asked: "b/backward/1/1 c/forward/1/1",
			steps: "a=Succeeded w=Succeeded b=Compensating c=Running"},
		"what has expired is asked again, in case that was the lost run's doing": {def: "a | b", story: "start; a failed KeyUsed; adopt; a ok; b failed Expired; b again", asked: "b/forward/2/1"},
		"who may have it undone":                            {def: "a | b retryable=BUSY", story: "start; a failed KeyUsed; adopt; a failed X; decide b 1 Retry", asked: "b/backward/1/1"},
		"an event that does not come again proves nothing":  {def: "w await=x | p pivot", story: "start; adopt; w due", steps: "w=Failed p=NeedsIntervention", phase: "NeedsIntervention"},
		"nor does a person who decides otherwise":           {def: "w approval=1 | p pivot", story: "start; adopt; decide w 1 Compensate", steps: "w=Failed p=NeedsIntervention"},
		"a refusal that is heard again changes nothing":     {story: used + "adopt + abort; reserve#1 failed KeyUsed", verdicts: "Settled"},
		"one of two that may be beyond return is not ended": {def: "a | y retriable after=a | z retriable after=a", onKeyUsed: "End", story: "start; a ok; y ok; z failed KeyUsed", phase: "NeedsIntervention"},
		"a compensation that was refused is asked again":    {story: started + "abort; reserve ok; undo reserve failed KeyUsed; adopt", asked: "reserve/backward/1/2 charge/backward/1/1"},
		"and so is one that had counted as nothing":         {def: "a | b max=1", story: "start; a ok; b silent; undo b failed KeyUsed; adopt", asked: "a/backward/1/1 b/backward/1/2"},
		"a stale KeyUsed to a compensation says nothing": {def: "a | b", story: "start; a ok; b failed X; undo a failed KeyUsed; adopt; undo a#1 failed KeyUsed",
			verdicts: "Settled", asked: "a/backward/1/2"},
	})
}

func TestWhoMayDecideWhat(t *testing.T) {
	const (
		pivot     = "a | p pivot max=1 | r retriable max=1"
		unknown   = "start; a ok; p silent; "
		retriable = "start; a ok; p ok; r failed X; "
		silent    = "start; a ok; p ok; r silent; "
		undoing   = "start; a ok; p failed X; undo a failed Y; "
		exhausted = "a undomax=1 | p pivot"
		quiet     = "start; a ok; p failed X; undo a silent; "
	)
	check(t, map[string]row{
		"a pivot: Retry asks again":                                  {def: pivot, story: unknown + "decide p 1 Retry", asked: "p/forward/1/2", phase: "Running"},
		"a pivot: Skip counts as done":                               {def: pivot, story: unknown + "decide p 1 Skip", steps: "a=Succeeded p=Skipped r=Running", asked: "r/forward/1/1"},
		"a pivot: MarkDone is done by hand":                          {def: pivot, story: unknown + `decide p 1 MarkDone {"id":1}`, steps: "a=Succeeded p=Succeeded r=Running"},
		"a pivot: Compensate goes backward":                          {def: pivot, story: unknown + "decide p 1 Compensate", asked: "a/backward/1/1", steps: "a=Compensating p=Failed", condition: "True OutcomeUnknown"},
		"a retriable step: Retry after failed is a new round":        {def: pivot, story: retriable + "decide r 1 Retry", asked: "r/forward/2/1"},
		"a retriable step: Retry after silence is the same":          {def: pivot, story: silent + "decide r 1 Retry", asked: "r/forward/1/2"},
		"a retriable step: Skip":                                     {def: pivot, story: retriable + "decide r 1 Skip", phase: "Completed", steps: "a=Succeeded p=Succeeded r=Skipped"},
		"a retriable step: MarkDone":                                 {def: pivot, story: retriable + "decide r 1 MarkDone", phase: "Completed", steps: "a=Succeeded p=Succeeded r=Succeeded"},
		"a retriable step: Compensate is refused":                    {def: pivot, story: retriable + "decide r 1 Compensate", verdicts: "Refused", phase: "NeedsIntervention"},
		"a compensation: Retry after failed is a new round":          {def: pivot, story: undoing + "decide a 1 Retry", asked: "a/backward/2/1", phase: "Compensating"},
		"a compensation: Retry after silence is the same":            {def: exhausted, story: quiet + "decide a 1 Retry", asked: "a/backward/1/2"},
		"a compensation: Skip leaves the effect":                     {def: pivot, story: undoing + "decide a 1 Skip", phase: "Compensated", steps: "a=NotCompensated p=Failed"},
		"a compensation: MarkDone is undone by hand":                 {def: pivot, story: undoing + "decide a 1 MarkDone", phase: "Compensated", steps: "a=Compensated p=Failed"},
		"a compensation: Compensate is refused":                      {def: pivot, story: undoing + "decide a 1 Compensate", verdicts: "Refused"},
		"a pivot that succeeded after all: Retry is refused":         {def: pivot, story: "start; a ok; p failed X; p ok; decide p 1 Retry", verdicts: "Refused"},
		"a pivot that succeeded after all: Skip leaves it":           {def: pivot, story: "start; a ok; p failed X; p ok; undo a ok; decide p 1 Skip", phase: "Compensated", steps: "a=Compensated p=NotCompensated"},
		"a decision about an earlier wait is not taken for this one": {def: pivot, story: unknown + "decide p 1 Retry; p silent; decide p 1 Skip", verdicts: "Settled", phase: "NeedsIntervention"},
		"the number rises with each wait":                            {def: pivot, story: unknown + "decide p 1 Retry; p silent; decide p 2 Skip", verdicts: "Applied"},
		"a decision about a later wait is refused":                   {def: pivot, story: unknown + "decide p 2 Skip", verdicts: "Refused"},
		"a decision about what does not wait is refused":             {def: pivot, story: "start; decide a 1 Skip", verdicts: "Refused"},
		"a decision about no step is refused":                        {def: pivot, story: unknown + "decide nobody 1 Skip", verdicts: "Refused"},
		"a decision taken is taken once":                             {def: pivot, story: unknown + "decide p 1 Retry; decide p 1 Retry", verdicts: "Settled", asked: "p/forward/1/2"},
		"an answer read together with it comes first":                {def: pivot, story: unknown + "decide p 1 Compensate + p ok", verdicts: "Settled Applied", asked: "r/forward/1/1"},
		"a decision before the start changes nothing":                {def: pivot, story: "decide p 1 Skip", verdicts: "Settled"},
		"a decision after the end changes nothing":                   {def: pivot, story: undoing + "decide a 1 Skip; decide a 1 Retry", verdicts: "Settled"},
		"output that is no object is refused":                        {def: pivot, story: unknown + "decide p 1 MarkDone [1]", verdicts: "Refused"},
		"output beyond its bound is refused":                         {def: pivot, story: unknown + "decide p 1 MarkDone 16385B", verdicts: "Refused"},
		"input that could not be rendered is tried again":            {def: "p pivot | r retriable needs=p", story: "start; p ok; decide r 1 Retry", verdicts: "Applied", phase: "NeedsIntervention"},
		"and counts as a new wait":                                   {def: "p pivot | r retriable needs=p", story: "start; p ok; decide r 1 Retry; decide r 2 Skip", phase: "Completed"},
		"a decision that the pivot did not happen is overtaken by its success": {def: pivot, story: unknown + "decide p 1 Compensate; p ok",
			steps: "a=Compensating p=NeedsIntervention"},
		"a retry has all its attempts again": {def: "p pivot max=2", story: "start; p silent; p again; p silent; decide p 1 Retry; p silent; p again", asked: "p/forward/1/4"},
	})
}
