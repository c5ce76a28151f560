package topicwatch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
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
	hidden  map[string]bool   // that the operator's user may not see; they do not exist for it
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
		case p.hidden[name]:
			refusing = append(refusing, fmt.Sprintf("%q (the operator's user may not see it)", name))
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
		return fmt.Errorf("topics: %s", kafka.Reason(p.err))
	}
	var missing, hidden []string
	for _, name := range own {
		switch {
		case p.hidden[name]:
			hidden = append(hidden, name)
		case !p.exists[name]:
			missing = append(missing, name)
		}
	}
	var wrong []string
	if len(missing) > 0 {
		wrong = append(wrong, fmt.Sprintf("missing: %s; create them, the operator does not", strings.Join(missing, ", ")))
	}
	if len(hidden) > 0 {
		wrong = append(wrong, fmt.Sprintf("the broker lets this user see nothing of %s; allow it", strings.Join(hidden, ", ")))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("topics: %s", strings.Join(wrong, "; "))
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
