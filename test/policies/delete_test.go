package policies

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestDeletingWhatRunsNeedsTheVerbAbort(t *testing.T) {
	p := settled(t)
	for name, test := range map[string]struct {
		who   string
		state state
		words []string
	}{
		"edit may not delete what runs":          {edit, running, []string{"the saga runs, and deleting it undoes it", needsAbort, howToGetIt}},
		"nor what is being undone":               {edit, compensating, []string{needsAbort}},
		"nor what waits for a person":            {edit, pivotWaits, []string{needsAbort}},
		"edit may delete what has not started":   {edit, nil, nil},
		"and what has ended":                     {edit, completed, nil},
		"and what was rejected":                  {edit, rejected, nil},
		"admin may delete what runs":             {admin, running, nil},
		"the namespace controller may":           {namespaces, running, nil},
		"the garbage collector may":              {collector, running, nil},
		"the undivided controller manager may":   {undivided, running, nil},
		"the operator may, after the ttl of one": {operator, running, nil},
	} {
		t.Run(name, func(t *testing.T) {
			saga := (&place{cluster: p.cluster, t: t, name: p.name}).saga(test.state)
			refusal(t, p.clients[test.who].Delete(t.Context(), saga, client.DryRunAll), "abort", test.words...)
		})
	}
}

func TestWhatIsBeingDeletedMayBeDeletedAgain(t *testing.T) {
	p := settled(t)
	saga := p.saga(running)
	for _, who := range []string{admin, edit} {
		refusal(t, p.clients[who].Delete(t.Context(), saga), "abort")
	}
}

func TestDeletingACollectionIsJudgedSagaBySaga(t *testing.T) {
	p := settled(t)
	p.saga(running)
	refusal(t, p.clients[edit].DeleteAllOf(t.Context(), &v1alpha1.Saga{}, client.InNamespace(p.name)), "abort", needsAbort)
	refusal(t, p.clients[admin].DeleteAllOf(t.Context(), &v1alpha1.Saga{}, client.InNamespace(p.name)), "abort")
}

func TestTheVerbMayBeGivenForOneSaga(t *testing.T) {
	p := settled(t)
	one, other := p.saga(running), p.saga(running)
	const manifest = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: aborts-one}
rules:
- {apiGroups: [sagas.dev], resources: [sagas], verbs: [abort], resourceNames: [`
	if out, err := p.kubectlAs(t.Context(), root, manifest+one.Name+"]}\n", "apply", "-n", p.name, "-f", "-"); err != nil {
		t.Fatal(out)
	}
	p.grant(edit, "Role", "aborts-one")
	p.may(edit, "abort", "sagas", one.Name)
	aborted := func(o *v1alpha1.Saga) { abort(&o.Spec) }
	refusal(t, p.dry(edit, one, aborted), "abort")
	refusal(t, p.dry(edit, other, aborted), "abort", needsAbort)
}

func TestNobodyGoesRoundByTheOrder(t *testing.T) {
	p := settled(t)
	const needs = "the verb abort on orderworkflows.sagas.dev 'order-"
	made := func(s *v1alpha1.OrderWorkflowStatus) { s.Phase, s.SagaUID = v1alpha1.OrderProcessing, "5f0e1d0e" }
	for name, test := range map[string]struct {
		who    string
		status func(*v1alpha1.OrderWorkflowStatus)
		words  []string
	}{
		"edit may not delete an order on its way": {edit, made, []string{"the order is on its way", needs, howToGetIt}},
		"nor one that needs attention": {edit, func(s *v1alpha1.OrderWorkflowStatus) {
			made(s)
			s.Phase = v1alpha1.OrderNeedsAttention
		}, []string{needs}},
		"edit may delete one that has no saga": {edit, func(*v1alpha1.OrderWorkflowStatus) {}, nil},
		"and one that is completed": {edit, func(s *v1alpha1.OrderWorkflowStatus) {
			made(s)
			s.Phase = v1alpha1.OrderCompleted
		}, nil},
		"admin may delete one on its way": {admin, made, nil},
		"a collector may":                 {namespaces, made, nil},
	} {
		t.Run(name, func(t *testing.T) {
			order := newOrder()
			p.make(order)
			test.status(&order.Status)
			p.must(p.clients[operator].Status().Update(t.Context(), order))
			refusal(t, p.clients[test.who].Delete(t.Context(), order, client.DryRunAll), "orders", test.words...)
		})
	}
	t.Run("nor by a collection of orders", func(t *testing.T) {
		order := newOrder()
		p.make(order)
		made(&order.Status)
		p.must(p.clients[operator].Status().Update(t.Context(), order))
		refusal(t, p.clients[edit].DeleteAllOf(t.Context(), &v1alpha1.OrderWorkflow{}, client.InNamespace(p.name)), "orders", needs)
	})
}

func TestNobodyGoesRoundByAnOwner(t *testing.T) {
	p := settled(t)
	mine := p.owner()
	owned := func(o client.Object) { o.SetOwnerReferences([]metav1.OwnerReference{mine}) }
	other := mine
	other.Name = "not-there"
	saga, order := p.saga(running), newOrder()
	p.make(order)
	owner := newSaga()
	owned(owner)
	p.make(owner)
	for name, test := range map[string]struct {
		who    string
		object client.Object
		change func(client.Object)
		policy string
		words  []string
	}{
		"edit may give no saga an owner":      {edit, saga, owned, "abort", []string{"deleted with its owners", needsAbort, howToGetIt}},
		"admin may":                           {admin, saga, owned, "", nil},
		"edit may give no order an owner":     {edit, order, owned, "orders", []string{"an order is deleted with its owners", "orderworkflows.sagas.dev 'order-"}},
		"edit may not point at another":       {edit, owner, func(o client.Object) { o.SetOwnerReferences([]metav1.OwnerReference{other}) }, "abort", []string{needsAbort}},
		"edit may take an owner away":         {edit, owner, func(o client.Object) { o.SetOwnerReferences(nil) }, "", nil},
		"edit may leave the owner as it is":   {edit, owner, func(o client.Object) { o.SetLabels(map[string]string{"a": "b"}) }, "", nil},
		"a collector may say what it likes":   {collector, saga, owned, "", nil},
		"the operator gives sagas to orders":  {operator, saga, owned, "", nil},
		"a label is everybody's who may edit": {edit, saga, func(o client.Object) { o.SetLabels(map[string]string{"a": "b"}) }, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			changed, ok := test.object.DeepCopyObject().(client.Object)
			if !ok {
				t.Fatal("no object")
			}
			test.change(changed)
			refusal(t, p.clients[test.who].Update(t.Context(), changed, client.DryRunAll), test.policy, test.words...)
		})
	}
}

func TestARefusalForWantOfAVerbIsForbiddenAndAnImpossibleChangeInvalid(t *testing.T) {
	p := settled(t)
	if err := p.dry(edit, p.saga(running), func(o *v1alpha1.Saga) { abort(&o.Spec) }); !apierrors.IsForbidden(err) {
		t.Errorf("got %v; want forbidden", err)
	}
	if err := p.dry(admin, p.saga(completed), func(o *v1alpha1.Saga) { abort(&o.Spec) }); !apierrors.IsInvalid(err) {
		t.Errorf("got %v; want invalid", err)
	}
}
