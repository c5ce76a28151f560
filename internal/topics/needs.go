// Package topics says which Kafka topics and permissions a set of resources needs, and writes them for the tools that make them.
// What is granted is what docs/operations.md says is needed, and nothing else.
package topics

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/trigger"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Options say what cannot be read from resources. Names of principals may hold {participant} and {namespace}.
type Options struct {
	Installation      string
	OperatorPrincipal string // such as User:saga-operator
	ServicePrincipal  string // such as User:{participant}
	ServiceGroup      string // consumer group of a service, such as {participant}
	Partitions        int    // of each topic but the dead letters'
	Replicas          int
}

// Place tells objects apart.
type Place struct{ Namespace, Name string }

// Participant is one service, and what it is used for.
type Participant struct {
	Place
	Topics v1alpha1.ParticipantTopics
	Use    *engine.ParticipantUse // nil: no definition that uses it is known, so that it may be used for all
}

// Trigger is a topic whose events start sagas.
type Trigger struct {
	Place
	Topic string
}

// Topic is one that has to exist.
type Topic struct {
	Name       string `json:"name"`
	Purpose    string `json:"purpose"`
	Partitions int    `json:"partitions"`
	Replicas   int    `json:"replicas"`
	Retention  int64  `json:"retentionMs"`
}

// Grant is something that a user must be allowed.
type Grant struct {
	Principal string `json:"principal"`
	Resource  string `json:"resource"` // topic or group
	Name      string `json:"name"`
	Operation string `json:"operation"` // Read or Write, each of which includes Describe
}

// Needs are all topics and permissions.
type Needs struct {
	Topics []Topic `json:"topics"`
	Grants []Grant `json:"grants"`
}

// Retention of messages: what docs/sizing.md advises.
const (
	day               = int64(24 * 60 * 60 * 1000) // in milliseconds
	repliesRetention  = 14 * day
	lettersRetention  = 30 * day
	commandsRetention = 7 * day // less than participants remember what they have done
)

// Of returns what the installation, its participants and its triggers need, each once.
func Of(o Options, participants []Participant, triggers []Trigger) Needs {
	n := &collector{Options: o}
	n.own()
	for _, p := range participants {
		n.participant(p)
	}
	for _, t := range triggers {
		n.topic(t.Topic, "what trigger "+t.Name+" reads", commandsRetention)
		n.grant(o.OperatorPrincipal, "topic", t.Topic, "Read")
		n.grant(o.OperatorPrincipal, "group", trigger.GroupOf(o.Installation, types.NamespacedName{Namespace: cmp.Or(t.Namespace, "default"), Name: t.Name}), "Read")
	}
	return n.needs
}

type collector struct {
	Options
	needs Needs
}

func (n *collector) own() {
	replies, outcomes, letters := wire.RepliesTopic(n.Installation), wire.OutcomesTopic(n.Installation), wire.DeadLettersTopic(n.Installation)
	n.topic(replies, "what participants answer", repliesRetention)
	n.topic(outcomes, "the ends of sagas", repliesRetention)
	n.topic(letters, "what settles nothing", lettersRetention)
	n.needs.Topics[len(n.needs.Topics)-1].Partitions = 1
	n.grant(n.OperatorPrincipal, "topic", replies, "Read")
	n.grant(n.OperatorPrincipal, "group", n.Installation, "Read")
	n.grant(n.OperatorPrincipal, "topic", outcomes, "Write")
	n.grant(n.OperatorPrincipal, "topic", letters, "Write")
}

func (n *collector) participant(p Participant) {
	use := engine.ParticipantUse{Commands: true, Events: true, Listens: true}
	if p.Use != nil {
		use = *p.Use
	}
	fill := strings.NewReplacer("{participant}", p.Name, "{namespace}", cmp.Or(p.Namespace, "default"))
	service, group := fill.Replace(n.ServicePrincipal), fill.Replace(n.ServiceGroup)
	if commands := p.Topics.Commands; commands != "" {
		n.topic(commands, "commands of "+p.Name, commandsRetention)
		n.grant(n.OperatorPrincipal, "topic", commands, "Write")
		n.grant(service, "topic", commands, "Read")
		n.grant(service, "group", group, "Read")
		n.grant(service, "topic", wire.RepliesTopic(n.Installation), "Write")
	}
	events := p.Topics.Events
	if events == "" {
		return
	}
	n.topic(events, "events of "+p.Name, commandsRetention)
	if use.Events {
		n.grant(n.OperatorPrincipal, "topic", events, "Write")
	}
	if use.Listens {
		n.grant(n.OperatorPrincipal, "topic", events, "Read")
		n.grant(n.OperatorPrincipal, "group", n.Installation+".events", "Read")
		n.grant(service, "topic", events, "Write")
	}
}

func (n *collector) topic(name, purpose string, retention int64) {
	i := slices.IndexFunc(n.needs.Topics, func(t Topic) bool { return t.Name == name })
	if i >= 0 {
		n.needs.Topics[i].Purpose += "; " + purpose
		return
	}
	n.needs.Topics = append(n.needs.Topics, Topic{Name: name, Purpose: purpose, Partitions: n.Partitions, Replicas: n.Replicas, Retention: retention})
}

func (n *collector) grant(principal, resource, name, operation string) {
	g := Grant{Principal: principal, Resource: resource, Name: name, Operation: operation}
	if !slices.Contains(n.needs.Grants, g) {
		n.needs.Grants = append(n.needs.Grants, g)
	}
}
