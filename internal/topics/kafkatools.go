package topics

import (
	"fmt"
	"io"
	"strings"
)

// KafkaTools writes a shell script that calls Kafka's own tools at a broker.
func (n Needs) KafkaTools(out io.Writer, bootstrap string) error {
	var b strings.Builder
	for _, t := range n.Topics {
		config := fmt.Sprintf("--config retention.ms=%d", t.Retention)
		if t.Replicas > 1 {
			config += fmt.Sprintf(" --config min.insync.replicas=%d", t.Replicas-1)
		}
		fmt.Fprintf(&b, "kafka-topics.sh --bootstrap-server %s --create --if-not-exists --topic %s --partitions %d --replication-factor %d %s # %s\n",
			bootstrap, t.Name, t.Partitions, t.Replicas, config, t.Purpose)
	}
	for _, g := range n.Grants {
		fmt.Fprintf(&b, "kafka-acls.sh --bootstrap-server %s --add --allow-principal %s --operation %s --%s %s\n",
			bootstrap, quoted(g.Principal), g.Operation, g.Resource, g.Name)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
