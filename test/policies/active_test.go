package policies

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// enforced waits until the API server enforces a policy: attempt is something that it refuses, and is dry.
func (p *place) enforced(policy string, attempt func() error) {
	p.t.Helper()
	eventually(p.t, "policy "+policy, func() bool {
		err := attempt()
		return err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'saga-operator-"+policy+"'")
	})
}

// settled returns a place where all policies are enforced.
func settled(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	for _, e := range []struct {
		policy, who string
		edit        func(*v1alpha1.SagaSpec)
	}{{"abort", edit, orphan}, {"resolve", edit, adopt}} {
		p.enforced(e.policy, func() error {
			saga := newSaga(e.edit)
			saga.Namespace = p.name
			return p.clients[e.who].Create(t.Context(), saga, client.DryRunAll)
		})
	}
	saga, participant, revision, order := p.saga(completed), newParticipant(), newRevision(), newOrder()
	for _, o := range []client.Object{participant, revision} {
		p.make(o)
	}
	p.must(p.clients[root].Delete(t.Context(), participant))
	order.Namespace, order.OwnerReferences = p.name, append(order.OwnerReferences, p.owner())
	p.enforced("orders", func() error { return p.clients[edit].Create(t.Context(), order.DeepCopy(), client.DryRunAll) })
	p.enforced("status", func() error { return p.clients[root].Status().Update(t.Context(), saga.DeepCopy(), client.DryRunAll) })
	p.enforced("possible", func() error { return p.dry(root, saga, func(o *v1alpha1.Saga) { abort(&o.Spec) }) })
	p.enforced("finalizers", func() error { return p.dry(root, saga, func(o *v1alpha1.Saga) { o.Finalizers = nil }) })
	p.enforced("metadata", func() error { return p.dry(root, saga, func(o *v1alpha1.Saga) { o.Labels = labels(65) }) })
	revision.Finalizers = nil
	p.enforced("revisions", func() error { return p.clients[root].Update(t.Context(), revision.DeepCopy(), client.DryRunAll) })
	p.enforced("participants", func() error {
		return p.clients[root].Patch(t.Context(), participant, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"description":"x"}}`)), client.DryRunAll)
	})
	return p
}

// dry asks whether a user could change a saga to this.
func (p *place) dry(who string, saga *v1alpha1.Saga, change func(*v1alpha1.Saga)) error {
	changed := saga.DeepCopy()
	change(changed)
	return p.clients[who].Update(p.t.Context(), changed, client.DryRunAll)
}
