package devrun

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// catalogue knows the participants and their topics. A participant that no file describes, or a topic that it does not name, has a
// topic of the usual name: <participant>.commands and <participant>.events.
type catalogue struct {
	described map[string]*v1alpha1.SagaParticipant
	used      map[string]bool // by a definition; true: it is asked something, or its events are waited for
}

func newCatalogue() *catalogue {
	return &catalogue{described: map[string]*v1alpha1.SagaParticipant{}, used: map[string]bool{}}
}

// learn takes what the files say now.
func (c *catalogue) learn(set *manifests.Set) {
	for _, p := range set.Participants {
		c.described[p.Value.Name] = p.Value
	}
	for _, d := range set.Definitions {
		c.use(d.Value.Spec)
	}
	for _, s := range set.Sagas {
		if s.Value.Spec.Definition != nil {
			c.use(*s.Value.Spec.Definition)
		}
	}
}

func (c *catalogue) use(def v1alpha1.SagaDefinitionSpec) {
	for _, step := range def.Steps {
		if step.Participant != "" {
			asked := step.Action != nil || step.Await != nil || step.Compensation != nil && step.Compensation.Command != ""
			c.used[step.Participant] = c.used[step.Participant] || asked
		}
	}
}

// of returns the participant's topics, all of them.
func (c *catalogue) of(participant string) v1alpha1.ParticipantTopics {
	topics := v1alpha1.ParticipantTopics{Commands: participant + ".commands", Events: participant + ".events"}
	if p := c.described[participant]; p != nil {
		topics.Commands = cmp.Or(p.Spec.Topics.Commands, topics.Commands)
		topics.Events = cmp.Or(p.Spec.Topics.Events, topics.Events)
	}
	return topics
}

// names are those of all participants, in order.
func (c *catalogue) names() []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, all := range []iter.Seq[string]{maps.Keys(c.described), maps.Keys(c.used)} {
			for name := range all {
				if !yield(name) {
					return
				}
			}
		}
	}))
}

// needed are the participants that have something to do: who only publishes through sagas is not missed.
func (c *catalogue) needed() []string {
	return slices.DeleteFunc(c.names(), func(name string) bool { return !c.used[name] })
}

// eventsTopics are the topics on which events are heard, each once.
func (c *catalogue) eventsTopics() []string {
	var topics []string
	for _, name := range c.names() {
		topics = append(topics, c.of(name).Events)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// on returns the participants whose events stand on the topic.
func (c *catalogue) on(topic string) []string {
	return slices.DeleteFunc(c.names(), func(name string) bool { return c.of(name).Events != topic })
}

// check refuses names that are no participant's.
func (c *catalogue) check(flag string, names []string) error {
	for _, name := range names {
		if !slices.Contains(c.names(), name) {
			return fmt.Errorf("%s: %q is no participant; there are %v", flag, name, c.names())
		}
	}
	return nil
}
