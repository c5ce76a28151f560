package topicwatch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Verdict is what is known of a participant's topics: a reason of condition TopicsReady, and what to say to people. Two
// verdicts are equal unless something has changed that a person should see.
type Verdict struct {
	Reason  string
	Message string
}

// errNotLooked is what readyz says until the broker was asked once.
var errNotLooked = errors.New("topics: the broker has not been asked yet")

// picture is what one look at the broker has shown.
type picture struct {
	looked  bool
	err     error             // the broker did not answer
	exists  map[string]bool   // by the topics that were asked for
	refused map[string]string // by topic: what the broker said to messages
}

// judge looks for the worst: a broker that is away, then a topic that is missing, then one that takes no messages.
func (p picture) judge(topics v1alpha1.ParticipantTopics) Verdict {
	if !p.looked {
		return Verdict{v1alpha1.ReasonPending, "The topics have not been looked for yet"}
	}
	if p.err != nil { // without its text, which differs from one try to the next: each would be a write
		return Verdict{v1alpha1.ReasonBrokerUnavailable, "The broker does not answer; what is to be sent waits"}
	}
	var missing, refusing []string
	for _, name := range needed(topics) {
		exists, known := p.exists[name]
		switch {
		case !known:
			return Verdict{v1alpha1.ReasonPending, fmt.Sprintf("Topic %q has not been looked for yet", name)}
		case !exists:
			missing = append(missing, fmt.Sprintf("%q", name))
		case p.refused[name] != "":
			refusing = append(refusing, fmt.Sprintf("%q (%s)", name, p.refused[name]))
		}
	}
	switch {
	case len(missing) > 0:
		return Verdict{v1alpha1.ReasonTopicMissing, "Missing: " + strings.Join(missing, ", ") + "; the operator creates no topics, and looks again within a minute"}
	case len(refusing) > 0:
		return Verdict{v1alpha1.ReasonBrokerUnavailable, "The broker refuses what is sent to " + strings.Join(refusing, ", ")}
	}
	return Verdict{v1alpha1.ReasonTopicsFound, "All topics are there"}
}

// ready says which of the installation's own topics are missing.
func (p picture) ready(own []string) error {
	switch {
	case !p.looked:
		return errNotLooked
	case p.err != nil:
		return fmt.Errorf("topics: the broker does not answer: %w", p.err)
	}
	var missing []string
	for _, name := range own {
		if !p.exists[name] {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("topics: missing: %s; create them, the operator does not", strings.Join(missing, ", "))
	}
	return nil
}

// betterThan says whether something is there now that was not, or not known to be.
func (p picture) betterThan(before picture) bool {
	if p.err != nil {
		return false
	}
	for name, exists := range p.exists {
		if exists && !before.exists[name] {
			return true
		}
	}
	return false
}

func needed(topics v1alpha1.ParticipantTopics) []string {
	var names []string
	for _, name := range []string{topics.Commands, topics.Events} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
