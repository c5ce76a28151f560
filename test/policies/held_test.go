package policies

import (
	"encoding/json"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestOnlyTheOperatorWritesStatus(t *testing.T) {
	p := settled(t)
	saga, order, participant := p.saga(running), newOrder(), newParticipant()
	definition := &v1alpha1.SagaDefinition{}
	definition.Name = "order"
	definition.Spec.Steps = []v1alpha1.Step{{
		Name: "reserve", Participant: "inventory", Action: &v1alpha1.Action{Command: "reserve"},
		Compensation: &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone},
	}}
	for _, o := range []client.Object{order, participant, definition} {
		p.make(o)
	}
	for name, object := range map[string]client.Object{"sagas": saga, "orderworkflows": order, "sagaparticipants": participant, "sagadefinitions": definition} {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"observedGeneration":7}}`))
		for who, words := range map[string][]string{
			root:      {"only the saga operator writes the status of " + name, "root does not"},
			collector: {"only the saga operator writes the status of " + name},
			operator:  nil,
		} {
			t.Run(who+" and "+name, func(t *testing.T) {
				if who == operator { // whose role has update only
					refusal(t, p.clients[who].Status().Update(t.Context(), object, client.DryRunAll), "status", words...)
					return
				}
				refusal(t, p.clients[who].Status().Patch(t.Context(), object, patch, client.DryRunAll), "status", words...)
			})
		}
	}
}

func TestNobodyButTheOperatorTakesItsFinalizersOff(t *testing.T) {
	p := settled(t)
	participant, revision := newParticipant(), newRevision()
	p.make(participant)
	p.make(revision)
	none := func(o client.Object) { o.SetFinalizers(nil) }
	confused := p.saga(running)
	confused.Finalizers = append(confused.Finalizers, v1alpha1.FinalizerInUse)
	p.must(p.clients[edit].Update(t.Context(), confused))
	for name, test := range map[string]struct {
		object client.Object
		change func(client.Object)
		policy string
		words  []string
	}{
		"of a saga":                      {p.saga(running), none, "finalizers", []string{"only the saga operator takes its finalizer off sagas 'saga-", "set spec.deletionPolicy to Orphan"}},
		"of one that has ended":          {p.saga(completed), none, "finalizers", []string{"only the saga operator"}},
		"but that of a participant":      {confused, func(o client.Object) { o.SetFinalizers([]string{v1alpha1.FinalizerSaga}) }, "", nil},
		"of a participant":               {participant, none, "finalizers", []string{"off sagaparticipants", "once no unfinished saga needs it"}},
		"of a revision":                  {revision, none, "revisions", []string{"holds what sagas run", "sagas.dev/in-use"}},
		"nor the label of a revision":    {revision, func(o client.Object) { o.SetLabels(nil) }, "revisions", []string{"its label sagas.dev/definition"}},
		"nor changes it":                 {revision, func(o client.Object) { o.SetLabels(map[string]string{v1alpha1.LabelDefinition: "other"}) }, "revisions", []string{"its label"}},
		"another label is its owner's":   {revision, func(o client.Object) { o.SetLabels(map[string]string{v1alpha1.LabelDefinition: "order"}) }, "", nil},
		"another finalizer may be added": {p.saga(running), func(o client.Object) { o.SetFinalizers(append(o.GetFinalizers(), "example.com/mine")) }, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			changed, ok := test.object.DeepCopyObject().(client.Object)
			if !ok {
				t.Fatal("no object")
			}
			test.change(changed)
			refusal(t, p.clients[root].Update(t.Context(), changed, client.DryRunAll), test.policy, test.words...)
			refusal(t, p.clients[operator].Update(t.Context(), changed, client.DryRunAll), "")
		})
	}
}

func labels(n int) map[string]string {
	all := map[string]string{}
	for i := range n {
		all[fmt.Sprintf("example.com/label-%d", i)] = "x"
	}
	return all
}

func TestMetadataLeavesTheStatusItsRoom(t *testing.T) {
	p := settled(t)
	finalizers := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf("example.com/finalizer-%d", i))
		}
		return append(all, v1alpha1.FinalizerSaga)
	}
	crowded := p.saga(running) // from before the policies, as far as anybody can tell
	crowded.Labels = labels(70)
	p.must(p.clients[operator].Update(t.Context(), crowded))
	for name, test := range map[string]struct {
		saga   *v1alpha1.Saga
		change func(*v1alpha1.Saga)
		policy string
		words  []string
	}{
		"64 labels do":                   {p.saga(running), func(s *v1alpha1.Saga) { s.Labels = labels(64) }, "", nil},
		"65 do not":                      {p.saga(running), func(s *v1alpha1.Saga) { s.Labels = labels(65) }, "metadata", []string{"metadata.labels has 65 entries, and at most 64"}},
		"16 finalizers do":               {p.saga(running), func(s *v1alpha1.Saga) { s.Finalizers = finalizers(15) }, "", nil},
		"17 do not":                      {p.saga(running), func(s *v1alpha1.Saga) { s.Finalizers = finalizers(16) }, "metadata", []string{"metadata.finalizers has 17 entries, and at most 16"}},
		"what is over may shrink":        {crowded, func(s *v1alpha1.Saga) { s.Labels = labels(69) }, "", nil},
		"what is over may not grow":      {crowded, func(s *v1alpha1.Saga) { s.Labels = labels(71) }, "metadata", []string{"has 71 entries"}},
		"what is over may change beside": {crowded, func(s *v1alpha1.Saga) { s.Spec.Suspend = true }, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			changed := test.saga.DeepCopy()
			test.change(changed)
			refusal(t, p.clients[edit].Update(t.Context(), changed, client.DryRunAll), test.policy, test.words...)
		})
	}
	t.Run("17 owners do not", func(t *testing.T) { // whoever may abort may add owners
		saga := p.saga(running)
		for i := range 17 {
			saga.OwnerReferences = append(saga.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: fmt.Sprint("owner-", i), UID: types.UID(fmt.Sprint("uid-", i))})
		}
		refusal(t, p.clients[admin].Update(t.Context(), saga, client.DryRunAll), "metadata", "metadata.ownerReferences has 17 entries, and at most 16")
	})
}

func TestTheRevisionsOfOthersAreNoneOfOurBusiness(t *testing.T) {
	p := settled(t)
	theirs := newRevision()
	theirs.Labels = map[string]string{"app": "shop"}
	p.make(theirs)
	theirs.Finalizers, theirs.Labels = nil, nil
	refusal(t, p.clients[root].Update(t.Context(), theirs), "")
}

func TestAParticipantThatIsBeingDeletedChangesNoMore(t *testing.T) {
	p := settled(t)
	stays, goes := newParticipant(), newParticipant()
	p.make(stays)
	p.make(goes)
	p.must(p.clients[admin].Delete(t.Context(), goes))
	topics := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"topics":{"commands":"shop.other"}}}`))
	label := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}}}`))
	refusal(t, p.clients[admin].Patch(t.Context(), stays, topics, client.DryRunAll), "")
	refusal(t, p.clients[admin].Patch(t.Context(), goes, label, client.DryRunAll), "")
	refusal(t, p.clients[admin].Patch(t.Context(), goes, topics, client.DryRunAll), "participants", "is being deleted", "Make it anew once it is gone")
}

// TestReplacingASagaGoesNoOtherWay replaces sagas as kubectl does, whole.
func TestReplacingASagaGoesNoOtherWay(t *testing.T) {
	p := settled(t)
	replace := func(change func(*v1alpha1.Saga), more ...string) (string, error) {
		saga := p.saga(running)
		saga.APIVersion, saga.Kind, saga.ManagedFields = v1alpha1.GroupVersion.String(), "Saga", nil
		change(saga)
		raw, err := json.Marshal(saga)
		p.must(err)
		return p.kubectlAs(t.Context(), edit, string(raw), append([]string{"replace", "-n", p.name, "-f", "-"}, more...)...)
	}
	for name, test := range map[string]struct {
		change func(*v1alpha1.Saga)
		more   []string
		policy string
	}{
		"as it is":                         {func(*v1alpha1.Saga) {}, nil, ""},
		"aborted":                          {func(s *v1alpha1.Saga) { abort(&s.Spec) }, nil, "abort"},
		"without its finalizer":            {func(s *v1alpha1.Saga) { s.Finalizers = nil }, nil, "finalizers"},
		"by force, which deletes it first": {func(*v1alpha1.Saga) {}, []string{"--force"}, "abort"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := replace(test.change, test.more...)
			if test.policy == "" && err != nil {
				t.Errorf("refused: %s", out)
			}
			if test.policy != "" {
				refusal(t, textError(out), test.policy, "denied request")
			}
		})
	}
}

// textError is an error that a program printed.
type textError string

func (e textError) Error() string { return string(e) }
