package main

import (
	"fmt"
	"os"

	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
)

// readTopicPolicy reads who may name which topics. Without a file all may: either that was said, or only the namespaces that were
// listed are watched, whose owners are trusted with it.
func (p *parts) readTopicPolicy() error {
	if p.cfg.TopicPolicyFile == "" {
		p.may = topicpolicy.AllowAll()
		p.log.Info("Every watched namespace may name every topic that is not an operator's own")
		return nil
	}
	raw, err := os.ReadFile(p.cfg.TopicPolicyFile)
	if err != nil {
		return fmt.Errorf("reading the topic policy (--topic-policy-file): %w", err)
	}
	if p.may, err = topicpolicy.Parse(raw); err != nil {
		return fmt.Errorf("reading the topic policy (--topic-policy-file), %s: %w", p.cfg.TopicPolicyFile, err)
	}
	return nil
}
