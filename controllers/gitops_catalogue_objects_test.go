package controllers

import (
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/topicwatch"
)

// judged makes definition x and lets it be looked at.
func (c *catalogue) judged(edit ...func(*v1alpha1.SagaDefinitionSpec)) {
	c.participate("inventory")
	c.define("x", edit...)
	c.reconcile(c.definitions(), "x")
}

// definitionObjects are the definitions that Git tools may meet, by how they came about; each is called x.
var definitionObjects = map[string]func(*catalogue){
	"new":                   func(c *catalogue) { c.define("x") },
	"accepted":              func(c *catalogue) { c.judged() },
	"waits-for-participant": func(c *catalogue) { c.define("x"); c.reconcile(c.definitions(), "x") },
	"waits-for-permission": func(c *catalogue) {
		c.may = permitting(c.t, c.namespace, "other.")
		c.judged()
	},
	"refused-definition": func(c *catalogue) {
		c.judged(func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Input = rawJSON(`["a"]`) })
	},
	"refused-expression": func(c *catalogue) {
		c.judged(func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Input = rawJSON(`{"a":"${params.}"}`) })
	},
	"refused-parameters": func(c *catalogue) {
		c.judged(func(s *v1alpha1.SagaDefinitionSpec) { s.Parameters = rawJSON(`{"type":"thing"}`) })
	},
	"refused-then-mended": func(c *catalogue) {
		c.judged(func(s *v1alpha1.SagaDefinitionSpec) { s.Parameters = rawJSON(`{"type":"thing"}`) })
		c.redefine("x", func(s *v1alpha1.SagaDefinitionSpec) { s.Parameters = nil })
		c.reconcile(c.definitions(), "x")
	},
	"change-not-seen-yet": func(c *catalogue) {
		c.judged()
		c.redefine("x", func(s *v1alpha1.SagaDefinitionSpec) { s.Parameters = rawJSON(`{"type":"object"}`) })
	},
}

func TestObjectsOfGitToolsSagaDefinition(t *testing.T) {
	for name, story := range definitionObjects {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			story(c)
			golden(t, c.api, c.key("x"), "SagaDefinition", name)
		})
	}
}

// seen makes participant x and lets it be looked at, with this verdict on its topics.
func (c *catalogue) seen(reason, message string) {
	c.verdict = topicwatch.Verdict{Reason: reason, Message: message}
	c.participate("x")
	c.reconcile(c.participants(), "x") // the finalizer
	c.reconcile(c.participants(), "x")
}

// participantObjects are the participants that Git tools may meet, by how they came about; each is called x.
var participantObjects = map[string]func(*catalogue){
	"new":                func(c *catalogue) { c.participate("x") },
	"topics-found":       func(c *catalogue) { c.seen(v1alpha1.ReasonTopicsFound, "All topics are there") },
	"topics-not-looked":  func(c *catalogue) { c.seen(v1alpha1.ReasonPending, "The topics have not been looked for yet") },
	"topic-missing":      func(c *catalogue) { c.seen(v1alpha1.ReasonTopicMissing, `Missing: "x.commands"`) },
	"broker-unavailable": func(c *catalogue) { c.seen(v1alpha1.ReasonBrokerUnavailable, "The broker does not answer") },
	"topic-not-permitted": func(c *catalogue) {
		c.may = permitting(c.t, c.namespace, "inventory.")
		c.seen(v1alpha1.ReasonTopicsFound, "All topics are there")
	},
	"deleting-in-use": func(c *catalogue) {
		c.seen(v1alpha1.ReasonTopicsFound, "All topics are there")
		c.define("order", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Participant = "x" })
		c.run("order-1", "order", "", v1alpha1.PhasePending)
		participant := &v1alpha1.SagaParticipant{}
		c.exists("x", participant)
		c.must(c.api.Delete(c.t.Context(), participant))
		c.clock.SetTime(time.Now().Add(2 * releaseGrace))
		c.reconcile(c.participants(), "x")
	},
}

func TestObjectsOfGitToolsSagaParticipant(t *testing.T) {
	for name, story := range participantObjects {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			story(c)
			golden(t, c.api, c.key("x"), "SagaParticipant", name)
		})
	}
}
