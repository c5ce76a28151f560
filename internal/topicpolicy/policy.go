// Package topicpolicy says which namespaces may name which Kafka topics. It is pure: it reads no files and asks nobody.
package topicpolicy

import (
	"regexp"
	"slices"
	"strings"
)

// Rule lets namespaces name topics.
type Rule struct {
	// Namespaces are names, or beginnings of names with a star at the end; a star alone is every namespace.
	Namespaces []string `json:"namespaces"`
	// TopicPrefixes are beginnings of topics' names.
	TopicPrefixes []string `json:"topicPrefixes"`
}

// Policy says which topics the participants of a namespace may name, and its triggers read. The zero value permits none. A Policy is not changed
// once it is made, and safe for concurrent use.
type Policy struct {
	all   bool
	rules []Rule
}

// AllowAll permits every topic to every namespace, but for those that are reserved.
func AllowAll() Policy { return Policy{all: true} }

// Permits says whether a participant of namespace may name topic.
func (p Policy) Permits(namespace, topic string) bool {
	if Reserved(topic) {
		return false
	}
	return p.all || slices.ContainsFunc(p.rules, func(r Rule) bool {
		return r.covers(namespace) && slices.ContainsFunc(r.TopicPrefixes, func(prefix string) bool { return strings.HasPrefix(topic, prefix) })
	})
}

// PermitsReading says whether a trigger of namespace may read topic: one that a participant of it may name, or a topic of dead
// letters. These hold messages of all namespaces: a rule must name theirs in full, unless everything is permitted.
func (p Policy) PermitsReading(namespace, topic string) bool {
	if !deadLetters.MatchString(topic) {
		return p.Permits(namespace, topic)
	}
	return p.all || slices.ContainsFunc(p.rules, func(r Rule) bool {
		return r.covers(namespace) && slices.Contains(r.TopicPrefixes, topic)
	})
}

// Prefixes returns what topics of a namespace may begin with, sorted, each once. It is empty where all or none may be named.
func (p Policy) Prefixes(namespace string) []string {
	var prefixes []string
	for _, r := range p.rules {
		if r.covers(namespace) {
			prefixes = append(prefixes, r.TopicPrefixes...)
		}
	}
	slices.Sort(prefixes)
	return slices.Compact(prefixes)
}

func (r Rule) covers(namespace string) bool {
	return slices.ContainsFunc(r.Namespaces, func(entry string) bool {
		beginning, starred := strings.CutSuffix(entry, "*")
		return entry == namespace || starred && strings.HasPrefix(namespace, beginning)
	})
}

// reserved are the topics of any installation of the operator, and Kafka's own.
var reserved = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.saga\.(replies|outcomes|deadletters)|__.*)$`)

// deadLetters are the topics of dead letters, of any installation.
var deadLetters = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?\.saga\.deadletters$`)

// Reserved says whether a topic is the operator's, of whichever installation, or Kafka's own. No participant may name one: commands in
// the reply topic would be read as answers, and events in the outcome topic believed to be the operator's.
func Reserved(topic string) bool { return reserved.MatchString(topic) }
