package policies

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// place is a namespace in which the users view, edit and admin have the built-in roles of these names.
type place struct {
	*cluster
	t    *testing.T
	name string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	c := ready(t)
	p := &place{cluster: c, t: t, name: c.plane.Namespace(t)}
	for user, role := range map[string]string{view: "view", edit: "edit", admin: "admin"} {
		p.grant(user, "ClusterRole", role)
	}
	p.may(view, "list", "sagas", "")
	p.may(edit, "create", "sagas", "")
	p.may(admin, "abort", "sagas", "")
	return p
}

// grant binds a user to a role of this namespace.
func (p *place) grant(user, kind, role string) {
	p.t.Helper()
	p.must(p.clients[root].Create(p.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.name, Name: user + "-" + role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	}))
}

// may waits until a user may do something: roles are aggregated, and learnt by the API server, a moment after they are made.
func (p *place) may(user, verb, resource, name string) {
	p.t.Helper()
	eventually(p.t, user+" to be allowed to "+verb+" "+resource, func() bool { return p.allowed(user, verb, resource, "", name) })
}

func (p *place) allowed(user, verb, resource, subresource, name string) bool {
	p.t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: p.name, Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: resource, Subresource: subresource, Name: name,
		},
	}}
	p.must(p.clients[root].Create(p.t.Context(), review))
	return review.Status.Allowed
}

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// refusal checks that a request was refused by a policy, with a message that has all parts; none: that it was not refused.
func refusal(t *testing.T, err error, policy string, parts ...string) {
	t.Helper()
	if len(parts) == 0 {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	for _, part := range append([]string{"ValidatingAdmissionPolicy 'saga-operator-" + policy + "'"}, parts...) {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v; want a refusal with %q", err, part)
		}
	}
}

func (p *place) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: p.name, Name: name}
}

// make creates an object as root.
func (p *place) make(o client.Object) {
	p.t.Helper()
	o.SetNamespace(p.name)
	p.must(p.clients[root].Create(p.t.Context(), o))
}

// saga makes a saga in a state, as the operator would have left it; edit may change its spec before it is made.
func (p *place) saga(state state, edits ...func(*v1alpha1.SagaSpec)) *v1alpha1.Saga {
	p.t.Helper()
	saga := newSaga(edits...)
	saga.Namespace, saga.Finalizers = p.name, []string{v1alpha1.FinalizerSaga}
	p.must(p.clients[operator].Create(p.t.Context(), saga)) // a person may not make one with decisions of others
	if state != nil {
		state(&saga.Status)
		p.must(p.clients[operator].Status().Update(p.t.Context(), saga))
	}
	return saga
}

func newSaga(edits ...func(*v1alpha1.SagaSpec)) *v1alpha1.Saga {
	saga := &v1alpha1.Saga{ObjectMeta: metav1.ObjectMeta{GenerateName: "saga-"}}
	saga.Spec.DefinitionRef = &v1alpha1.DefinitionReference{Name: "order"}
	for _, change := range edits {
		change(&saga.Spec)
	}
	return saga
}

func newOrder() *v1alpha1.OrderWorkflow {
	return &v1alpha1.OrderWorkflow{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "order-"},
		Spec: v1alpha1.OrderWorkflowSpec{
			Customer: v1alpha1.OrderCustomer{ID: "c-17", Name: "Ada Muster"}, Currency: "EUR", Total: "64.95",
			Lines:    []v1alpha1.OrderLine{{SKU: "TEA-100", Quantity: 1, UnitPrice: "64.95"}},
			Payment:  v1alpha1.OrderPayment{Method: "tok_visa"},
			Delivery: v1alpha1.OrderDelivery{Address: []string{"Hauptstr. 1"}, City: "Berlin", Country: "DE"},
		},
	}
}

func newParticipant() *v1alpha1.SagaParticipant {
	return &v1alpha1.SagaParticipant{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "participant-", Finalizers: []string{v1alpha1.FinalizerInUse}},
		Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: "shop.commands"}},
	}
}

func newRevision() *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "order-", Labels: map[string]string{v1alpha1.LabelDefinition: "order", "app": "shop"},
			Finalizers: []string{v1alpha1.FinalizerInUse},
		},
		Data: runtime.RawExtension{Raw: []byte(`{"steps":[]}`)}, Revision: 1,
	}
}

// owner makes something that an object could belong to: what belongs to nothing is collected at once.
func (p *place) owner() metav1.OwnerReference {
	p.t.Helper()
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "owner-"}}
	p.make(owner)
	return metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}
}

// state puts a saga's status where it stands.
type state func(*v1alpha1.SagaStatus)

func at(hour int) *metav1.Time {
	t := metav1.NewTime(time.Date(2026, 11, 22, hour, 0, 0, 0, time.UTC))
	return &t
}

func exchange(outcome v1alpha1.ExchangeOutcome, code string) *v1alpha1.Exchange {
	return &v1alpha1.Exchange{Outcome: outcome, Round: 1, Attempt: 1, StartTime: at(10), Code: code}
}

// The states are those of a saga that reserves, charges, and then ships as its pivot.
var (
	asking state = func(s *v1alpha1.SagaStatus) { // for the first time
		s.Phase, s.StartTime = v1alpha1.PhaseRunning, at(10)
		s.Steps = []v1alpha1.StepStatus{
			{Name: "reserve", State: v1alpha1.StepRunning, Action: exchange(v1alpha1.ExchangeWaiting, "")},
			{Name: "charge", State: v1alpha1.StepNotStarted}, {Name: "ship", State: v1alpha1.StepNotStarted},
		}
	}
	running state = func(s *v1alpha1.SagaStatus) {
		asking(s)
		s.Steps[0].State, s.Steps[0].Action = v1alpha1.StepSucceeded, exchange(v1alpha1.ExchangeSucceeded, "")
		s.Steps[1].State, s.Steps[1].Action = v1alpha1.StepRunning, exchange(v1alpha1.ExchangeWaiting, "")
	}
	pivotWaits state = func(s *v1alpha1.SagaStatus) { // decision 2
		running(s)
		s.Phase = v1alpha1.PhaseNeedsIntervention
		s.Steps[1].State, s.Steps[1].Action = v1alpha1.StepSucceeded, exchange(v1alpha1.ExchangeSucceeded, "")
		s.Steps[2].State, s.Steps[2].Action, s.Steps[2].Decision = v1alpha1.StepNeedsIntervention, exchange(v1alpha1.ExchangeUnknown, "Timeout"), 2
		s.Steps[2].Resolved = &v1alpha1.Resolved{Decision: 1, Action: v1alpha1.ResolutionRetry, By: "ada", Reason: "again"}
	}
	approvalWaits state = func(s *v1alpha1.SagaStatus) { // decision 2 on charge, the second approval
		running(s)
		s.Steps[1].Action, s.Steps[1].Decision, s.Steps[1].ApprovedBy = nil, 2, []string{"ada"}
		s.Steps[1].Resolved = &v1alpha1.Resolved{Decision: 1, Action: v1alpha1.ResolutionMarkDone, By: "ada", Reason: "fine"}
	}
	keyUsed state = func(s *v1alpha1.SagaStatus) { // decision 1
		asking(s)
		s.Phase = v1alpha1.PhaseNeedsIntervention
		s.Steps[0].State, s.Steps[0].Action, s.Steps[0].Decision = v1alpha1.StepNeedsIntervention, exchange(v1alpha1.ExchangeFailed, "KeyUsed"), 1
	}
	compensating state = func(s *v1alpha1.SagaStatus) {
		running(s)
		s.Phase, s.Cause = v1alpha1.PhaseCompensating, &v1alpha1.Cause{Reason: "StepFailed", Step: "charge"}
		s.Steps[0].State, s.Steps[0].Compensation = v1alpha1.StepCompensating, exchange(v1alpha1.ExchangeWaiting, "")
		s.Steps[1].State, s.Steps[1].Action = v1alpha1.StepFailed, exchange(v1alpha1.ExchangeFailed, "Declined")
	}
	undoWaits state = func(s *v1alpha1.SagaStatus) { // decision 1 on reserve, and on ship, which has no compensation
		compensating(s)
		s.Phase = v1alpha1.PhaseNeedsIntervention
		s.Steps[0].State, s.Steps[0].Compensation, s.Steps[0].Decision = v1alpha1.StepNeedsIntervention, exchange(v1alpha1.ExchangeFailed, "No"), 1
		s.Steps[2].State, s.Steps[2].Action, s.Steps[2].Decision = v1alpha1.StepNeedsIntervention, exchange(v1alpha1.ExchangeSucceeded, "LateSuccess"), 1
	}
	completed state = func(s *v1alpha1.SagaStatus) {
		running(s)
		s.Phase, s.EndTime = v1alpha1.PhaseCompleted, at(11)
		s.Steps[1].State, s.Steps[1].Action = v1alpha1.StepSucceeded, exchange(v1alpha1.ExchangeSucceeded, "")
		s.Steps[2].State, s.Steps[2].Action = v1alpha1.StepSucceeded, exchange(v1alpha1.ExchangeSucceeded, "")
	}
	rejected state = func(s *v1alpha1.SagaStatus) { s.Phase = v1alpha1.PhaseRejected }
)

// latched is a state in which a request was taken already.
func latched(state state, latch v1alpha1.Latch) state {
	return func(s *v1alpha1.SagaStatus) {
		state(s)
		s.Latches = append(s.Latches, latch)
	}
}

// Edits of a spec.
func abort(s *v1alpha1.SagaSpec)     { s.Abort = true }
func noAbort(s *v1alpha1.SagaSpec)   { s.Abort = false }
func adopt(s *v1alpha1.SagaSpec)     { s.Adopt = true }
func noAdopt(s *v1alpha1.SagaSpec)   { s.Adopt = false }
func suspend(s *v1alpha1.SagaSpec)   { s.Suspend = true }
func noSuspend(s *v1alpha1.SagaSpec) { s.Suspend = false }
func orphan(s *v1alpha1.SagaSpec)    { s.DeletionPolicy = v1alpha1.DeletionOrphan }
func noOrphan(s *v1alpha1.SagaSpec)  { s.DeletionPolicy = v1alpha1.DeletionCompensate }
func undecided(s *v1alpha1.SagaSpec) { s.Resolutions = nil }
func keepLonger(s *v1alpha1.SagaSpec) {
	s.TTL = &v1alpha1.SagaTTL{Completed: &metav1.Duration{Duration: 2 * time.Hour}}
}

// decide adds a resolution in ada's name.
func decide(step string, decision int32, action v1alpha1.ResolutionAction) func(*v1alpha1.SagaSpec) {
	return decideAs("ada", step, decision, action)
}

// decideAs adds a resolution in somebody's name.
func decideAs(by, step string, decision int32, action v1alpha1.ResolutionAction) func(*v1alpha1.SagaSpec) {
	return func(s *v1alpha1.SagaSpec) {
		s.Resolutions = append(s.Resolutions, v1alpha1.Resolution{Step: step, Decision: decision, Action: action, By: by, Reason: "found out"})
	}
}
