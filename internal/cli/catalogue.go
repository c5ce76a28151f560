package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/lint"
	"github.com/sagas-dev/saga-operator/internal/topics"
)

// catalogue is what names topics, and what says how they are used.
type catalogue struct {
	participants []v1alpha1.SagaParticipant
	definitions  []located
	triggers     []topics.Trigger
}

// located is a definition, wherever it stands.
type located struct {
	topics.Place
	spec   v1alpha1.SagaDefinitionSpec
	inSaga bool // it is that of a saga, whose name it has
}

// bearer says what bears the definition's name.
func (l located) bearer() string {
	if l.inSaga {
		return "saga"
	}
	return "definition"
}

// addObjects takes what files hold.
func (c *catalogue) addObjects(objects []lint.Object) error {
	for _, o := range objects {
		if o.Kind.GroupVersion() != v1alpha1.GroupVersion {
			continue
		}
		if err := c.addObject(o); err != nil {
			return fmt.Errorf("reading %s %q: %w: kubectl saga lint says what is wrong", o.Kind.Kind, o.Name, err)
		}
	}
	return nil
}

func (c *catalogue) addObject(o lint.Object) error {
	place := topics.Place{Namespace: o.Namespace, Name: o.Name}
	switch o.Kind.Kind {
	case "SagaParticipant":
		var p v1alpha1.SagaParticipant
		if err := json.Unmarshal(o.JSON, &p); err != nil {
			return err
		}
		c.participants = append(c.participants, p)
	case "SagaDefinition":
		var d v1alpha1.SagaDefinition
		if err := json.Unmarshal(o.JSON, &d); err != nil {
			return err
		}
		c.definitions = append(c.definitions, located{Place: place, spec: d.Spec})
	case "Saga":
		var s v1alpha1.Saga
		if err := json.Unmarshal(o.JSON, &s); err != nil {
			return err
		}
		if s.Spec.Definition != nil {
			c.definitions = append(c.definitions, located{Place: place, spec: *s.Spec.Definition, inSaga: true})
		}
	case "SagaTrigger":
		var t v1alpha1.SagaTrigger
		if err := json.Unmarshal(o.JSON, &t); err != nil {
			return err
		}
		c.addTrigger(&t)
	}
	return nil
}

func (c *catalogue) addTrigger(t *v1alpha1.SagaTrigger) {
	c.triggers = append(c.triggers, topics.Trigger{Place: topics.Place{Namespace: t.Namespace, Name: t.Name}, Topic: t.Spec.Topic})
}

// addCluster takes what a namespace, or all, hold. Sagas with definitions of their own are not looked at: there may be many.
func (c *catalogue) addCluster(ctx context.Context, s *session, everywhere bool) error {
	var options []client.ListOption
	if !everywhere {
		options = append(options, client.InNamespace(s.namespace))
	}
	var participants v1alpha1.SagaParticipantList
	if err := s.List(ctx, &participants, options...); err != nil {
		return explain(fmt.Errorf("listing participants: %w", err))
	}
	c.participants = participants.Items
	var definitions v1alpha1.SagaDefinitionList
	if err := s.List(ctx, &definitions, options...); err != nil {
		return explain(fmt.Errorf("listing definitions: %w", err))
	}
	for _, d := range definitions.Items {
		c.definitions = append(c.definitions, located{Place: topics.Place{Namespace: d.Namespace, Name: d.Name}, spec: d.Spec})
	}
	var triggers v1alpha1.SagaTriggerList
	err := s.List(ctx, &triggers, options...)
	if err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) { // an older cluster does not have them
		return explain(fmt.Errorf("listing triggers: %w", err))
	}
	for i := range triggers.Items {
		c.addTrigger(&triggers.Items[i])
	}
	return nil
}

// used are the participants with what the definitions of their namespace use them for, and what is missing: a sentence about each
// participant that a definition needs and that is not here.
func (c *catalogue) used() (all []topics.Participant, missing []string, err error) {
	expressions, err := expr.New()
	if err != nil {
		return nil, nil, fmt.Errorf("making the compiler of expressions: %w", err)
	}
	uses := map[topics.Place]*engine.ParticipantUse{}
	for _, d := range c.definitions {
		compiled, err := engine.Compile(d.spec, expressions)
		if err != nil {
			return nil, nil, fmt.Errorf("%s %q: %w: kubectl saga lint says what is wrong", d.bearer(), d.Name, err)
		}
		needed := compiled.Participants()
		for _, name := range slices.Sorted(maps.Keys(needed)) {
			at, use := topics.Place{Namespace: d.Namespace, Name: name}, needed[name]
			if uses[at] == nil {
				uses[at] = &engine.ParticipantUse{}
				if !c.has(at) {
					missing = append(missing, fmt.Sprintf("SagaParticipant %q, which %s %s needs, is not among", name, d.bearer(), d.Name))
				}
			}
			uses[at].Commands = uses[at].Commands || use.Commands
			uses[at].Events = uses[at].Events || use.Events
			uses[at].Listens = uses[at].Listens || use.Listens
		}
	}
	for _, p := range c.participants {
		at := topics.Place{Namespace: p.Namespace, Name: p.Name}
		all = append(all, topics.Participant{Place: at, Topics: p.Spec.Topics, Use: uses[at]})
	}
	return all, missing, nil
}

// has says whether the participant is here. A file that names no namespace may be meant for any.
func (c *catalogue) has(at topics.Place) bool {
	return slices.ContainsFunc(c.participants, func(p v1alpha1.SagaParticipant) bool {
		return p.Name == at.Name && (p.Namespace == at.Namespace || p.Namespace == "" || at.Namespace == "")
	})
}
