package policies

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// change is something that somebody wants to change about a saga. Without words it is allowed.
type change struct {
	who    string
	state  state                      // nil: not looked at yet
	had    func(*v1alpha1.SagaSpec)   // before
	edits  []func(*v1alpha1.SagaSpec) // now
	policy string
	words  []string // of the refusal
}

func edits(all ...func(*v1alpha1.SagaSpec)) []func(*v1alpha1.SagaSpec) { return all }

func tryChanges(t *testing.T, changes map[string]change) {
	p := settled(t)
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			p := &place{cluster: p.cluster, t: t, name: p.name}
			saga := p.saga(c.state, func(s *v1alpha1.SagaSpec) {
				if c.had != nil {
					c.had(s)
				}
			})
			refusal(t, p.dry(c.who, saga, func(o *v1alpha1.Saga) {
				for _, change := range c.edits {
					change(&o.Spec)
				}
			}), c.policy, c.words...)
		})
	}
}

const (
	needsAbort    = "the verb abort on sagas.sagas.dev 'saga-"
	needsResolve  = "the verb resolve on sagas.sagas.dev 'saga-"
	inOnesOwnName = "by must be 'admin', who asks, in "
	howToGetIt    = "which edit does not have: the role admin has it, and a Role can give it"
)

func TestDecidingNeedsTheVerbResolve(t *testing.T) {
	skip, retry := decide("ship", 2, v1alpha1.ResolutionSkip), decide("ship", 2, v1alpha1.ResolutionRetry)
	earlier := decide("ship", 1, v1alpha1.ResolutionRetry)
	tryChanges(t, map[string]change{
		"edit may not decide":                       {edit, pivotWaits, nil, edits(skip), "resolve", []string{"spec.resolutions", needsResolve, howToGetIt}},
		"admin may":                                 {admin, pivotWaits, nil, edits(skip), "", nil},
		"edit may not change a decision":            {edit, pivotWaits, retry, edits(undecided, skip), "resolve", []string{needsResolve}},
		"edit may not take back what is open":       {edit, pivotWaits, skip, edits(undecided), "resolve", []string{needsResolve}},
		"admin may take it back":                    {admin, pivotWaits, skip, edits(undecided), "", nil},
		"edit may leave a decision out that was":    {edit, pivotWaits, earlier, edits(undecided), "", nil},
		"edit may leave all out of an ended saga":   {edit, completed, skip, edits(undecided), "", nil},
		"edit may change other things beside":       {edit, pivotWaits, skip, edits(keepLonger), "", nil},
		"edit may not adopt":                        {edit, keyUsed, nil, edits(adopt), "resolve", []string{"spec.adopt", needsResolve, howToGetIt}},
		"admin may adopt":                           {admin, keyUsed, nil, edits(adopt), "", nil},
		"edit may not take an adoption back":        {edit, keyUsed, adopt, edits(noAdopt), "resolve", []string{needsResolve}},
		"edit may once it was taken":                {edit, latched(running, v1alpha1.LatchAdopt), adopt, edits(noAdopt), "", nil},
		"edit may once the saga has ended":          {edit, completed, adopt, edits(noAdopt), "", nil},
		"edit may not adopt before the start":       {edit, nil, nil, edits(adopt), "resolve", []string{needsResolve}},
		"a saga without status takes other changes": {edit, nil, nil, edits(keepLonger), "", nil},
		"the operator needs no verb":                {operator, keyUsed, nil, edits(adopt), "", nil},
	})
}

func TestAnApprovalIsGivenInOnesOwnName(t *testing.T) {
	as := func(by string, decision int32) func(*v1alpha1.SagaSpec) {
		return decideAs(by, "charge", decision, v1alpha1.ResolutionMarkDone)
	}
	tryChanges(t, map[string]change{
		"admin may approve":                          {admin, approvalWaits, nil, edits(as(admin, 2)), "", nil},
		"and decline":                                {admin, approvalWaits, nil, edits(decideAs(admin, "charge", 2, v1alpha1.ResolutionCompensate)), "", nil},
		"but not for somebody else":                  {admin, approvalWaits, nil, edits(as("bob", 2)), "resolve", []string{inOnesOwnName + "decision 2 on step 'charge'"}},
		"nor change it to be somebody else's":        {admin, approvalWaits, as(admin, 2), edits(undecided, as("bob", 2)), "resolve", []string{inOnesOwnName}},
		"nor approve ahead":                          {admin, approvalWaits, nil, edits(as(admin, 3)), "possible", []string{"what waits is charge (decision 2)"}},
		"edit may not approve":                       {edit, approvalWaits, nil, edits(as(edit, 2)), "resolve", []string{needsResolve}},
		"edit may not take back what is open":        {edit, approvalWaits, as("bob", 2), edits(undecided), "resolve", []string{needsResolve}},
		"edit may leave out what was taken":          {edit, approvalWaits, as("ada", 1), edits(undecided), "", nil},
		"what was taken may be asked for again":      {admin, approvalWaits, nil, edits(as("ada", 1)), "", nil},
		"what is there may stay beside":              {admin, approvalWaits, as("ada", 1), edits(as(admin, 2)), "", nil},
		"a step that runs after a retry is not open": {admin, retried, nil, edits(as(admin, 1)), "", nil},
		"and takes no decision ahead":                {admin, retried, nil, edits(as(admin, 2)), "possible", []string{"no step of the saga waits for a person"}},
	})
}

// retried is a saga whose step waited for a person, who had it asked again.
func retried(s *v1alpha1.SagaStatus) {
	running(s)
	s.Steps[1].Decision, s.Steps[1].Resolved = 1, &v1alpha1.Resolved{Decision: 1, Action: v1alpha1.ResolutionRetry, By: "ada", Reason: "again"}
}

func TestAbortingNeedsTheVerbAbort(t *testing.T) {
	tryChanges(t, map[string]change{
		"edit may not abort":                      {edit, running, nil, edits(abort), "abort", []string{"spec.abort", needsAbort, howToGetIt}},
		"edit may not abort before the start":     {edit, nil, nil, edits(abort), "abort", []string{needsAbort}},
		"admin may abort":                         {admin, running, nil, edits(abort), "", nil},
		"edit may not take an abort back":         {edit, running, abort, edits(noAbort), "abort", []string{needsAbort}},
		"edit may once it was taken":              {edit, latched(compensating, v1alpha1.LatchAbort), abort, edits(noAbort), "", nil},
		"edit may once the saga has ended":        {edit, completed, abort, edits(noAbort), "", nil},
		"edit may not let go":                     {edit, running, nil, edits(orphan), "abort", []string{"spec.deletionPolicy than it has", needsAbort, howToGetIt}},
		"edit may not hold back":                  {edit, running, orphan, edits(noOrphan), "abort", []string{needsAbort}},
		"admin may let go":                        {admin, running, nil, edits(orphan), "", nil},
		"nobody minds how an ended saga goes":     {edit, completed, nil, edits(orphan), "", nil},
		"edit may suspend":                        {edit, running, nil, edits(suspend), "", nil},
		"edit may resume":                         {edit, running, suspend, edits(noSuspend), "", nil},
		"edit may leave an abort as it is":        {edit, running, abort, edits(keepLonger), "", nil},
		"a collector is not asked for a verb":     {collector, running, nil, edits(orphan), "", nil},
		"but root of the cluster is, and has all": {root, running, nil, edits(abort), "", nil},
	})
}

func TestWhatCannotHaveAnEffectIsRefused(t *testing.T) {
	const ended = "the saga has ended (Completed), and nothing of it changes any more"
	skip := func(step string, decision int32) func(*v1alpha1.SagaSpec) {
		return decide(step, decision, v1alpha1.ResolutionSkip)
	}
	tryChanges(t, map[string]change{
		"aborting what has ended":                    {admin, completed, nil, edits(abort), "possible", []string{"spec.abort comes too late", ended}},
		"aborting what was rejected":                 {admin, rejected, nil, edits(abort), "possible", []string{"has ended (Rejected)"}},
		"aborting what is being undone":              {admin, compensating, nil, edits(abort), "possible", []string{"is being undone already (Compensating)"}},
		"but not what was taken already":             {admin, latched(completed, v1alpha1.LatchAbort), nil, edits(abort), "", nil},
		"nor what is there already":                  {admin, completed, abort, edits(keepLonger), "", nil},
		"nor what is taken back":                     {admin, completed, abort, edits(noAbort), "", nil},
		"nor aborting a wait for the key":            {admin, keyUsed, nil, edits(abort), "", nil},
		"nor aborting beyond the pivot, perhaps":     {admin, pivotWaits, nil, edits(abort), "", nil},
		"adopting what has ended":                    {admin, completed, nil, edits(adopt), "possible", []string{"spec.adopt comes too late", ended}},
		"but not what runs, as after a restore":      {admin, running, nil, edits(adopt), "", nil},
		"nor before the start":                       {admin, nil, nil, edits(adopt), "", nil},
		"nor before the first answer":                {admin, asking, nil, edits(adopt), "", nil},
		"nor what was adopted already":               {admin, latched(completed, v1alpha1.LatchAdopt), nil, edits(adopt), "", nil},
		"suspending what has ended":                  {edit, completed, nil, edits(suspend), "possible", []string{"forward commands only", "has ended (Completed)"}},
		"suspending what is being undone":            {edit, compensating, nil, edits(suspend), "possible", []string{"is being undone, which goes on"}},
		"but not resuming it":                        {edit, compensating, suspend, edits(noSuspend), "", nil},
		"deciding where nothing waits":               {admin, running, nil, edits(skip("charge", 1)), "possible", []string{"nothing waits for decision 1 on step 'charge'", "no step of the saga waits for a person (phase Running)"}},
		"deciding before the start":                  {admin, nil, nil, edits(skip("charge", 1)), "possible", []string{"no step of the saga waits for a person (phase Pending)"}},
		"deciding about a step that is not there":    {admin, pivotWaits, nil, edits(skip("shipp", 2)), "possible", []string{"decision 2 on step 'shipp': what waits is ship (decision 2)"}},
		"deciding ahead":                             {admin, pivotWaits, nil, edits(skip("ship", 3)), "possible", []string{"decision 3 on step 'ship': what waits is ship (decision 2)"}},
		"deciding what has ended":                    {admin, completed, nil, edits(skip("ship", 1)), "possible", []string{"(phase Completed)"}},
		"but not what was decided already":           {admin, pivotWaits, nil, edits(skip("ship", 1)), "", nil},
		"nor a decision that is there already":       {admin, running, skip("charge", 1), edits(keepLonger), "", nil},
		"nor a decision that is taken back":          {admin, running, skip("charge", 1), edits(undecided), "", nil},
		"nor what fits":                              {admin, pivotWaits, nil, edits(skip("ship", 2)), "", nil},
		"one that fits beside one that does not":     {admin, pivotWaits, nil, edits(skip("ship", 2), skip("charge", 1)), "possible", []string{"decision 1 on step 'charge'"}},
		"going back where it goes back already":      {admin, undoWaits, nil, edits(decide("reserve", 1, v1alpha1.ResolutionCompensate)), "possible", []string{"Compensate of step 'reserve' is not possible: the saga is being undone"}},
		"retrying what has no compensation":          {admin, undoWaits, nil, edits(decide("ship", 1, v1alpha1.ResolutionRetry)), "possible", []string{"Retry of step 'ship' is not possible"}},
		"but not what has one":                       {admin, undoWaits, nil, edits(decide("reserve", 1, v1alpha1.ResolutionRetry)), "", nil},
		"nor marking it undone":                      {admin, undoWaits, nil, edits(decide("ship", 1, v1alpha1.ResolutionMarkDone)), "", nil},
		"retrying under a key that is another's":     {admin, keyUsed, nil, edits(decide("reserve", 1, v1alpha1.ResolutionRetry)), "possible", []string{"spec.abort or spec.adopt decide"}},
		"but not retrying a pivot":                   {admin, pivotWaits, nil, edits(decide("ship", 2, v1alpha1.ResolutionRetry)), "", nil},
		"nor going back from it":                     {admin, pivotWaits, nil, edits(decide("ship", 2, v1alpha1.ResolutionCompensate)), "", nil},
		"nobody may do the impossible, but operator": {operator, completed, nil, edits(abort), "", nil},
	})
}

func TestWhatANewSagaMayAskFor(t *testing.T) {
	p := settled(t)
	owned := func(s *v1alpha1.Saga) { s.OwnerReferences = []metav1.OwnerReference{p.owner()} }
	for name, test := range map[string]struct {
		who    string
		edit   func(*v1alpha1.Saga)
		policy string
		words  []string
	}{
		"edit may start a saga":              {edit, func(*v1alpha1.Saga) {}, "", nil},
		"with the finalizer on it":           {edit, func(s *v1alpha1.Saga) { s.Finalizers = []string{v1alpha1.FinalizerSaga} }, "", nil},
		"suspended":                          {edit, func(s *v1alpha1.Saga) { suspend(&s.Spec) }, "", nil},
		"aborted, which does nothing":        {edit, func(s *v1alpha1.Saga) { abort(&s.Spec) }, "", nil},
		"but not adopting":                   {edit, func(s *v1alpha1.Saga) { adopt(&s.Spec) }, "resolve", []string{"spec.adopt", howToGetIt}},
		"nor decided":                        {edit, func(s *v1alpha1.Saga) { decide("ship", 1, v1alpha1.ResolutionSkip)(&s.Spec) }, "resolve", []string{"spec.resolutions"}},
		"nor to be let go":                   {edit, func(s *v1alpha1.Saga) { orphan(&s.Spec) }, "abort", []string{"another spec.deletionPolicy than Compensate", howToGetIt}},
		"nor owned by somebody":              {edit, owned, "abort", []string{"deleted with its owners"}},
		"admin may make one that adopts":     {admin, func(s *v1alpha1.Saga) { adopt(&s.Spec) }, "", nil},
		"admin may make one that is decided": {admin, func(s *v1alpha1.Saga) { decideAs(admin, "ship", 1, v1alpha1.ResolutionSkip)(&s.Spec) }, "", nil},
		"but not in another's name":          {admin, func(s *v1alpha1.Saga) { decide("ship", 1, v1alpha1.ResolutionSkip)(&s.Spec) }, "resolve", []string{inOnesOwnName, "decision 1 on step 'ship'"}},
		"admin may make one that is owned":   {admin, owned, "", nil},
		"the operator makes those of orders": {operator, owned, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			saga := newSaga()
			saga.Namespace, saga.Name, saga.GenerateName = p.name, "new", ""
			test.edit(saga)
			refusal(t, p.clients[test.who].Create(t.Context(), saga, client.DryRunAll), test.policy, test.words...)
		})
	}
}
