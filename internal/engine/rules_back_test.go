package engine_test

import "testing"

func TestCompensationsHaveTheirOwnRetries(t *testing.T) {
	const declined = reserved + "charge failed DECLINED; "
	const refused = charged + "ship failed NO_TRUCK; "
	check(t, map[string]row{
		"a silent compensation is tried again":           {story: declined + "undo reserve silent; undo reserve again", asked: "reserve/backward/1/2"},
		"a compensation that asks for a retry gets it":   {story: declined + "undo reserve retry BUSY; undo reserve again", asked: "reserve/backward/1/2"},
		"an answer to its first attempt settles it":      {story: declined + "undo reserve silent; undo reserve again; undo reserve#1 ok", phase: "Compensated"},
		"one that is answered failed waits for a person": {story: declined + "undo reserve failed X", phase: "NeedsIntervention", stalled: "True NeedsIntervention", asked: "-"},
		"the rest is undone all the same": {story: refused + "undo charge failed X", phase: "Compensating",
			steps: "reserve=Compensating charge=NeedsIntervention ship=Failed", asked: "reserve/backward/1/1"},
		"and only then the saga waits": {story: refused + "undo charge failed X; undo reserve ok", phase: "NeedsIntervention",
			steps: "reserve=Compensated charge=NeedsIntervention ship=Failed"},
		"one whose retries end waits for a person": {def: "reserve undomax=2 | charge", phase: "NeedsIntervention", asked: "-",
			story: "start; reserve ok; charge failed X; undo reserve silent; undo reserve again; undo reserve silent"},
		"a late success settles the wait": {def: "reserve undomax=1 | charge", phase: "Compensated",
			story: "start; reserve ok; charge failed X; undo reserve silent; undo reserve ok"},
		"success after failed settles the wait too": {story: declined + "undo reserve failed X; undo reserve ok", phase: "Compensated"},
		"a late failure leaves it waiting": {def: "reserve undomax=1 | charge", phase: "NeedsIntervention", verdicts: "Applied",
			story: "start; reserve ok; charge failed X; undo reserve silent; undo reserve failed X"},
		"Undone, of a step that is being undone, settles nothing": {def: "reserve max=1", story: "start; reserve silent; reserve failed Undone",
			verdicts: "Settled", steps: "reserve=Compensating", asked: "reserve/backward/1/1"},
		"Undone, of a step that is not, is a failure": {story: reserved + "charge failed Undone", steps: "reserve=Compensating charge=Failed"},
		"a compensation is not undone by going backward twice": {story: declined + "abort", steps: "reserve=Compensating charge=Failed", asked: "reserve/backward/1/1",
			condition: "True StepFailed"},
		"a compensation that cannot be rendered waits": {def: "reserve undoneeds=reserve | charge", phase: "NeedsIntervention", asked: "-",
			story: "start; reserve ok; charge failed X", steps: "reserve=NeedsIntervention charge=Failed"},
		"an answer to what could not be rendered is judged again": {def: "reserve undoneeds=reserve | charge", verdicts: "Unheard",
			story: "start; reserve ok; charge failed X; undo reserve ok"},
	})
}

func TestInputThatCannotBeRendered(t *testing.T) {
	check(t, map[string]row{
		"fails a step that can be undone":            {def: "a | b needs=a", story: "start; a ok", steps: "a=Compensating b=Failed", condition: "True StepFailed", asked: "a/backward/1/1"},
		"fails the first step":                       {def: "a needs=a", story: "start", phase: "Compensated", steps: "a=Failed"},
		"fails a pivot":                              {def: "a | p pivot needs=a", story: "start; a ok", steps: "a=Compensating p=Failed"},
		"after the pivot it waits for a person":      {def: "p pivot | r retriable needs=p", story: "start; p ok", phase: "NeedsIntervention", steps: "p=Succeeded r=NeedsIntervention"},
		"where nothing is past return it turns back": {def: "a | r retriable needs=a", story: "start; a ok", steps: "a=Compensating r=Failed"},
		"a later retriable step waits":               {def: "r retriable | q retriable needs=r", story: "start; r ok", phase: "NeedsIntervention", steps: "r=Succeeded q=NeedsIntervention"},
		"an event that cannot be rendered waits too": {def: "p pivot | r publish retriable needs=p", story: "start; p ok", phase: "NeedsIntervention", asked: "-"},
		"too large an input is refused":              {def: "a | b", story: "start; a ok 16380B", steps: "a=Compensating b=Failed"},
	})
}

func TestTheDeadline(t *testing.T) {
	const timed = order + " | deadline=15m"
	check(t, map[string]row{
		"past it the saga goes backward": {def: timed, story: reserved + "wait 15m + deadline", phase: "Compensating", condition: "True DeadlineExceeded",
			steps: "reserve=Succeeded charge=Running", asked: "charge/forward/1/1"},
		"what is in flight is waited for": {def: timed, story: reserved + "deadline; charge ok", steps: "reserve=Succeeded charge=Compensating"},
		"what is silent is not asked again": {def: timed, story: reserved + "deadline; charge silent", steps: "reserve=Succeeded charge=Compensating", asked: "charge/backward/1/1",
			condition: "True DeadlineExceeded"},
		"what backs off is undone":                     {def: timed, story: reserved + "charge silent; deadline", steps: "reserve=Succeeded charge=Compensating"},
		"a backoff that ends with it asks nothing":     {def: timed, story: reserved + "charge silent; wait 15m + charge again + deadline", asked: "charge/backward/1/1"},
		"before it nothing happens":                    {def: timed, story: reserved + "wait 14m + deadline early", verdicts: "Settled", phase: "Running"},
		"without one nothing happens":                  {story: reserved + "deadline early", verdicts: "Settled"},
		"going backward it is void":                    {def: timed, story: reserved + "charge failed X; deadline", verdicts: "Settled", condition: "True StepFailed"},
		"beyond the pivot it is void":                  {def: timed, story: shipped + "deadline", verdicts: "Settled", phase: "Running"},
		"it waits for a pivot in flight":               {def: timed, story: charged + "deadline", verdicts: "Applied", phase: "Running", asked: "ship/forward/1/1"},
		"a pivot that then succeeds goes on":           {def: timed, story: charged + "deadline; ship ok", phase: "Running", asked: "invoice/forward/1/1", condition: "False NotNeeded"},
		"a pivot that then fails goes back":            {def: timed, story: charged + "deadline; ship failed X", asked: "charge/backward/1/1", condition: "True StepFailed"},
		"a suspension shifts it":                       {def: timed, story: reserved + "suspend; wait 20m + resume; deadline early", verdicts: "Settled", phase: "Running"},
		"and it passes later":                          {def: timed, story: reserved + "suspend; wait 20m + resume; wait 15m + deadline early", verdicts: "Applied", phase: "Compensating"},
		"a suspended saga knows no deadline":           {def: timed, story: reserved + "suspend; wait 20m + deadline early", verdicts: "Settled", phase: "Running"},
		"without a pivot the first retriable ends it":  {def: "a | r retriable | deadline=1m", story: "start; a ok; deadline", verdicts: "Settled", asked: "r/forward/1/1"},
		"it does not answer for whom a used key waits": {def: timed, story: started + "reserve failed KeyUsed; deadline", verdicts: "Settled", phase: "NeedsIntervention", stalled: "True KeyUsed"},
		"adopting begins it anew without a used key":   {def: timed, story: reserved + "wait 1h + adopt + deadline early", verdicts: "Applied Settled", phase: "Running", asked: "charge/forward/1/1"},
		"adopting begins it anew":                      {def: timed, story: started + "reserve failed KeyUsed; wait 1h + adopt; deadline early", verdicts: "Settled", asked: "reserve/forward/1/2"},
	})
}

func TestSuspending(t *testing.T) {
	check(t, map[string]row{
		"holds the next step back":                 {story: started + "suspend; reserve ok", steps: "reserve=Succeeded", asked: "-", phase: "Running"},
		"resuming lets it go":                      {story: started + "suspend; reserve ok; resume", asked: "charge/forward/1/1"},
		"from the start asks nothing":              {story: "start + suspend", asked: "-", phase: "Running"},
		"twice changes nothing":                    {story: started + "suspend; suspend", verdicts: "Settled"},
		"resuming what runs changes nothing":       {story: started + "resume", verdicts: "Settled"},
		"holds a retry back":                       {story: started + "reserve silent; suspend; reserve again", verdicts: "Settled", asked: "-"},
		"the retry comes after it":                 {story: started + "reserve silent; suspend; wait 1m + resume; reserve again", asked: "reserve/forward/1/2"},
		"what is in flight may still end the saga": {def: "reserve", story: "start; suspend; reserve ok", phase: "Completed"},
		"a failure turns back all the same":        {story: reserved + "suspend; charge failed X", asked: "reserve/backward/1/1"},
		"what is being undone is not held":         {story: reserved + "charge failed X; suspend", verdicts: "Settled", asked: "reserve/backward/1/1"},
		"abort lifts it":                           {story: reserved + "suspend; abort; charge ok", steps: "reserve=Succeeded charge=Compensating"},
		"delete lifts it":                          {story: shipped + "suspend; invoice ok; delete", asked: "announce/forward/1/1"},
		"an aborted saga is not suspended":         {story: charged + "abort; suspend", verdicts: "Settled"},
		"a pivot in flight is not asked again":     {story: charged + "ship silent; suspend; ship again", asked: "-", phase: "Running"},
		"an adoption is latched but asks nothing":  {story: started + "reserve failed KeyUsed; suspend; adopt", asked: "-"},
		"and asks once it may":                     {story: started + "reserve failed KeyUsed; suspend; adopt; resume; reserve again", asked: "reserve/forward/1/2"},
		"a person's retry has to wait":             {story: shipped + "invoice failed X; suspend; decide invoice 1 Retry", verdicts: "Refused", asked: "-"},
		"and is taken once the saga goes on":       {story: shipped + "invoice failed X; suspend; decide invoice 1 Retry; resume; decide invoice 1 Retry", asked: "invoice/forward/2/1"},
	})
}

func TestAborting(t *testing.T) {
	check(t, map[string]row{
		"before the first step leaves nothing":            {story: "start + abort", phase: "Compensated", steps: "", asked: "-", condition: "False Undone"},
		"waits for what is in flight":                     {story: started + "abort", phase: "Compensating", steps: "reserve=Running", asked: "reserve/forward/1/1", condition: "True Aborted"},
		"then undoes it":                                  {story: started + "abort; reserve ok", asked: "reserve/backward/1/1"},
		"or leaves it where it failed":                    {story: started + "abort; reserve failed X", phase: "Compensated", condition: "False Undone"},
		"undoes what stays silent":                        {story: started + "abort; reserve silent", asked: "reserve/backward/1/1"},
		"undoes what backs off":                           {story: started + "reserve silent; abort", asked: "reserve/backward/1/1"},
		"a backoff that ends with it asks nothing":        {story: started + "reserve silent; reserve again + abort", asked: "reserve/backward/1/1"},
		"with the pivot due, the pivot does not leave":    {story: reserved + "charge ok + abort", asked: "charge/backward/1/1", steps: "reserve=Succeeded charge=Compensating"},
		"waits for a pivot in flight":                     {story: charged + "abort", phase: "Running", asked: "ship/forward/1/1", condition: "False NotNeeded"},
		"and for one that is asked again":                 {story: charged + "ship silent; abort; ship again", asked: "ship/forward/1/2"},
		"is refused once the pivot succeeded":             {story: charged + "abort; ship ok", phase: "Running", asked: "invoice/forward/1/1", condition: "False AbortRefused"},
		"obeyed once the pivot failed":                    {story: charged + "abort; ship failed X", asked: "charge/backward/1/1"},
		"is refused after the pivot":                      {story: shipped + "abort", verdicts: "Applied", phase: "Running", condition: "False AbortRefused"},
		"and stays refused at the end":                    {story: invoiced + "abort; announce published", phase: "Completed", condition: "False AbortRefused"},
		"without a pivot the first retriable is too late": {def: "a | r retriable", story: "start; a ok; abort", phase: "Running", condition: "False AbortRefused"},
		"just before that it is not":                      {def: "a | r retriable", story: "start; a ok + abort", asked: "a/backward/1/1"},
		"a pivot that waits for a person keeps it":        {def: "a | p pivot max=1", story: "start; a ok; p silent; abort", phase: "NeedsIntervention", asked: "-"},
		"taken twice changes nothing":                     {story: started + "abort; abort", verdicts: "Settled"},
		"after the end changes nothing":                   {def: "a", story: "start; a ok; abort", verdicts: "Settled", phase: "Completed", condition: "False NotNeeded"},
		"waits for an event in flight":                    {def: "hello publish none | a", story: "start; abort", asked: "hello/forward/1/1", phase: "Compensating"},
		"an event cannot be taken back":                   {def: "hello publish none | a", story: "start; abort; hello published", phase: "Compensated", steps: "hello=Compensated"},
	})
}

func TestDeleting(t *testing.T) {
	check(t, map[string]row{
		"undoes the saga first":           {story: reserved + "charge ok + delete", asked: "charge/backward/1/1", condition: "True Deleted"},
		"finishes it after the pivot":     {story: shipped + "delete; invoice ok; announce published", phase: "Completed", condition: "False NotNeeded"},
		"waits for a pivot in flight":     {story: charged + "delete", phase: "Running", asked: "ship/forward/1/1"},
		"goes before an abort as reason":  {story: started + "abort + delete; reserve ok", condition: "True Deleted"},
		"waits for a person where it has": {story: shipped + "delete; invoice failed X", phase: "NeedsIntervention"},
		"of a saga that has not started":  {story: "delete", verdicts: "Settled", phase: "Pending"},
	})
}
