package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
)

func TestThePictureHasWhoMayPublishAndWhatDefinitionsListenFor(t *testing.T) {
	c := newCatalogue(t)
	c.participate("silent") // has no topic for events
	c.keyed("plain", "")
	c.keyed("broken", "event.")
	c.keyed("keyed", "event.data.id")
	awaits := awaiting("x", "o-1").Spec.Definition
	awaits.Steps[0].Participant, awaits.Steps[1].Participant = "plain", "silent"
	observes := observing("x").Spec.Definition
	observes.Steps = observes.Steps[:1]
	invalid := awaiting("x", "o-1").Spec.Definition
	invalid.Steps[0].Await.Filter = "event."
	for name, spec := range map[string]*v1alpha1.SagaDefinitionSpec{
		"awaits": awaits, "awaits-too": awaits, "observes": observes, "invalid": invalid, "asks": twoSteps("x").Spec.Definition,
	} {
		c.must(c.api.Create(t.Context(), &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}, Spec: *spec}))
	}
	var got events.Picture
	r := &EventPictureReconciler{
		Client: namespaced{c.api, c.namespace}, Programs: c.programs, Permitted: topicpolicy.AllowAll(), EventKeys: c.keys,
		Know: func(p events.Picture) { got = p },
	}
	if _, err := r.Reconcile(t.Context(), ctrl.Request{}); err != nil {
		t.Fatal(err)
	}
	topics, kinds := map[string]string{}, map[events.Kind]bool{}
	for _, p := range got.Participants {
		topics[p.Name] = p.Topic
		if (p.Key != nil) != (p.Name == "keyed") {
			t.Errorf("%s has the key %v", p.Name, p.Key)
		}
	}
	for _, kind := range got.Kinds {
		kinds[kind] = true
	}
	if diff := cmp.Diff(map[string]string{"plain": "plain.events", "keyed": "keyed.events"}, topics); diff != "" {
		t.Errorf("participants differ (-want +got):\n%s", diff)
	}
	want := map[events.Kind]bool{
		{Namespace: c.namespace, Participant: "plain", Type: "plain.received"}:  true,
		{Namespace: c.namespace, Participant: "a", Type: "a.reserve-succeeded"}: true,
		{Namespace: c.namespace, Participant: "a", Type: "a.reserve-failed"}:    true,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("what definitions listen for differs (-want +got):\n%s", diff)
	}
	r.Permitted = topicpolicy.Policy{}
	if _, err := r.Reconcile(t.Context(), ctrl.Request{}); err != nil || len(got.Participants) != 0 {
		t.Errorf("%v publish although no topic is permitted; error %v", got.Participants, err)
	}
}
