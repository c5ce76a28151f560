package controllers

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

func TestADefinitionThatCompilesGetsARevisionAndOneWrite(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	def := c.define("order")
	for range 3 {
		c.reconcile(c.definitions(), "order")
	}
	got := c.expect("order", metav1.ConditionTrue, v1alpha1.ReasonAccepted)
	var rev appsv1.ControllerRevision
	if !c.exists(got.Status.Revision, &rev) {
		t.Fatalf("there is no revision %q", got.Status.Revision)
	}
	if !metav1.IsControlledBy(&rev, def) || !controllerutil.ContainsFinalizer(&rev, v1alpha1.FinalizerInUse) || rev.Labels[v1alpha1.LabelDefinition] != "order" {
		t.Errorf("the revision's metadata: %+v", rev.ObjectMeta)
	}
	if spec, err := revision.Spec(&rev); err != nil || spec.Steps[0].Action.Command != "reserve" {
		t.Errorf("the revision says %+v, error %v", spec, err)
	}
	if c.statusWrites != 1 {
		t.Errorf("%d status writes; want 1", c.statusWrites)
	}
}

func TestADefinitionThatCannotRunSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		edit          func(*v1alpha1.SagaDefinitionSpec)
		reason, names string
	}{
		"an expression that does not compile": {
			func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Input = rawJSON(`{"a":"${params.}"}`) },
			v1alpha1.ReasonInvalidExpression, "steps[0] (reserve): invalid expression: action.input",
		},
		"an expression that names a step that does not exist": {
			func(s *v1alpha1.SagaDefinitionSpec) {
				s.Steps[0].Action.Input = rawJSON(`{"a":"${steps['pay'].output.id}"}`)
			},
			v1alpha1.ReasonInvalidExpression, "pay",
		},
		"parameters that are no schema": {
			func(s *v1alpha1.SagaDefinitionSpec) { s.Parameters = rawJSON(`{"type":"thing"}`) },
			v1alpha1.ReasonInvalidParameters, "parameters",
		},
		"an input that is no object": {
			func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Input = rawJSON(`["a"]`) },
			v1alpha1.ReasonInvalidDefinition, "action.input: must be an object",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			c.participate("inventory")
			c.define("order", test.edit)
			c.reconcile(c.definitions(), "order")
			c.reconcile(c.definitions(), "order")
			def := c.expect("order", metav1.ConditionFalse, test.reason)
			if message := def.Status.Conditions[0].Message; !strings.Contains(message, test.names) || def.Status.Revision != "" {
				t.Errorf("message %q, revision %q; want %q named and none", message, def.Status.Revision, test.names)
			}
			if c.statusWrites != 1 {
				t.Errorf("%d status writes; want 1", c.statusWrites)
			}
		})
	}
}

func TestADefinitionWaitsForItsParticipants(t *testing.T) {
	c := newCatalogue(t)
	c.define("order", func(s *v1alpha1.SagaDefinitionSpec) {
		s.Steps = append(s.Steps, v1alpha1.Step{Name: "tell", Recovery: v1alpha1.RecoveryRetriable, Participant: "order", Publish: &v1alpha1.Publish{Event: "confirmed"}})
	})
	c.reconcile(c.definitions(), "order")
	def := c.expect("order", metav1.ConditionUnknown, v1alpha1.ReasonParticipantNotFound)
	if def.Status.Revision == "" {
		t.Error("sagas cannot be pinned, though they only have to wait")
	}
	c.participate("inventory")
	order := c.participate("order")
	c.reconcile(c.definitions(), "order")
	def = c.expect("order", metav1.ConditionUnknown, v1alpha1.ReasonParticipantNotFound)
	if message := def.Status.Conditions[0].Message; !strings.Contains(message, `"order" names no topic for events`) || strings.Contains(message, "inventory") {
		t.Errorf("message %q", message)
	}
	order.Spec.Topics.Events = "order.events"
	c.must(c.api.Update(t.Context(), order))
	c.reconcile(c.definitions(), "order")
	c.expect("order", metav1.ConditionTrue, v1alpha1.ReasonAccepted)
}

func TestEachStateOfADefinitionHasOneRevision(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	c.define("order")
	c.reconcile(c.definitions(), "order")
	first := c.definition("order").Status.Revision

	c.redefine("order", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Command = "hold" })
	c.reconcile(c.definitions(), "order")
	second := c.definition("order").Status.Revision
	c.redefine("order", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Command = "reserve" })
	c.reconcile(c.definitions(), "order")
	third := c.definition("order").Status.Revision

	if first == second || third != first {
		t.Errorf("revisions %q, %q, %q; want two names, the first one twice", first, second, third)
	}
	numbers := map[string]int64{}
	for _, rev := range c.allRevisions() {
		numbers[rev.Name] = rev.Revision
	}
	if len(numbers) != 2 || numbers[first] != 1 || numbers[second] != 2 {
		t.Errorf("revisions by number: %v", numbers)
	}
}

func (c *catalogue) allRevisions() []appsv1.ControllerRevision {
	c.t.Helper()
	var list appsv1.ControllerRevisionList
	c.must(c.api.List(c.t.Context(), &list, client.InNamespace(c.namespace)))
	return list.Items
}

func TestADefinitionThatBecomesWrongTakesNoNewSagas(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	c.define("order")
	c.reconcile(c.definitions(), "order")
	c.redefine("order", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Input = rawJSON(`{"a":"${"}`) })
	c.reconcile(c.definitions(), "order")
	def := c.expect("order", metav1.ConditionFalse, v1alpha1.ReasonInvalidExpression)
	if def.Status.Revision != "" || len(c.allRevisions()) != 1 {
		t.Errorf("revision %q and %d of them; want none named, and the one of running sagas kept", def.Status.Revision, len(c.allRevisions()))
	}
}

func TestARevisionThatIsGoingAwayIsReplacedUnderAnotherName(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	c.define("order")
	c.reconcile(c.definitions(), "order")
	first := c.definition("order").Status.Revision
	c.run("saga-1", "order", first, v1alpha1.PhaseRunning)
	c.must(c.api.Delete(t.Context(), &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: first}}))

	c.reconcile(c.definitions(), "order")
	second := c.definition("order").Status.Revision
	if second == first || !c.exists(first, &appsv1.ControllerRevision{}) || !c.exists(second, &appsv1.ControllerRevision{}) {
		t.Errorf("revisions %q and %q; want two that exist", first, second)
	}
	c.reconcile(c.definitions(), "order")
	if got := c.definition("order").Status.Revision; got != second {
		t.Errorf("revision %q; want %q still", got, second)
	}
}

func TestAForeignObjectOfTheRevisionsNameIsLeftAlone(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	def := c.define("order")
	name, err := revision.Name("order", c.definition("order").Spec, 0)
	c.must(err)
	foreign := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}, Data: *rawJSON(`{"a":1}`), Revision: 1}
	c.must(c.api.Create(t.Context(), foreign))
	c.reconcile(c.definitions(), "order")

	var rev appsv1.ControllerRevision
	got := c.definition("order").Status.Revision
	if got == name || !c.exists(got, &rev) || !metav1.IsControlledBy(&rev, def) {
		t.Errorf("revision %q; want another than %q, of the definition", got, name)
	}
}

func TestADefinitionThatIsBeingDeletedIsLeftAlone(t *testing.T) {
	c := newCatalogue(t)
	c.reconcile(c.definitions(), "never-made")
	def := c.define("order")
	def.Finalizers = []string{"example.com/wait"}
	c.must(c.api.Update(t.Context(), def))
	c.must(c.api.Delete(t.Context(), def))
	c.reconcile(c.definitions(), "order")
	if len(c.allRevisions()) != 0 || c.statusWrites != 0 {
		t.Errorf("%d revisions, %d status writes; want none", len(c.allRevisions()), c.statusWrites)
	}
}

func TestARevisionGoesOnceNoUnfinishedSagaIsPinnedToIt(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	c.define("order")
	c.reconcile(c.definitions(), "order")
	name := c.definition("order").Status.Revision
	saga := c.run("saga-1", "order", name, v1alpha1.PhaseNeedsIntervention)
	c.run("saga-2", "order", "another", v1alpha1.PhaseRunning)
	c.run("saga-3", "order", name, v1alpha1.PhaseCompleted)
	c.must(c.api.Delete(t.Context(), &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}}))

	if after := c.reconcile(c.revisions(), name).RequeueAfter; after <= 0 || after > releaseGrace {
		t.Errorf("looks again after %s; want within the grace of %s", after, releaseGrace)
	}
	c.pastGrace()
	if after := c.reconcile(c.revisions(), name).RequeueAfter; after != lookForUsersEvery {
		t.Errorf("looks again after %s; want %s", after, lookForUsersEvery)
	}
	c.move(saga, name, v1alpha1.PhaseCompensated)
	c.reconcile(c.revisions(), name)
	if c.exists(name, &appsv1.ControllerRevision{}) {
		t.Error("the revision is still there, though no unfinished saga is pinned to it")
	}
}

func TestARevisionGetsItsFinalizerBack(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	c.define("order")
	c.reconcile(c.definitions(), "order")
	var rev appsv1.ControllerRevision
	name := c.definition("order").Status.Revision
	c.exists(name, &rev)
	rev.Finalizers = nil
	c.must(c.api.Update(t.Context(), &rev))
	c.reconcile(c.revisions(), name)
	if c.exists(name, &rev); !controllerutil.ContainsFinalizer(&rev, v1alpha1.FinalizerInUse) {
		t.Error("the finalizer is still missing")
	}
}
