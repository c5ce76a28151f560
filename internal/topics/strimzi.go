package topics

import (
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"
)

// Strimzi is where Strimzi's resources go.
type Strimzi struct {
	Cluster        string // name of the Kafka resource
	Namespace      string
	Authentication string // scram-sha-512, tls or tls-external; empty: none
}

const strimziVersion = "kafka.strimzi.io/v1"

type fields = map[string]any

// Manifests writes a KafkaTopic for each topic and a KafkaUser for each principal, as YAML.
func (s Strimzi) Manifests(out io.Writer, n Needs) error {
	var objects []fields
	for _, t := range n.Topics {
		objects = append(objects, s.topic(t))
	}
	for _, principal := range principals(n.Grants) {
		objects = append(objects, s.user(principal, n.Grants))
	}
	for _, object := range objects {
		raw, err := yaml.Marshal(object)
		if err != nil {
			return fmt.Errorf("writing YAML: %w", err)
		}
		if _, err := fmt.Fprintf(out, "---\n%s", raw); err != nil {
			return err
		}
	}
	return nil
}

// object is a resource of Strimzi. Names of Kafka that are none of Kubernetes are kept in the spec.
func (s Strimzi) object(kind, name string, spec fields) fields {
	return fields{
		"apiVersion": strimziVersion, "kind": kind,
		"metadata": fields{"name": objectName(name), "namespace": s.Namespace, "labels": fields{"strimzi.io/cluster": s.Cluster}},
		"spec":     spec,
	}
}

func (s Strimzi) topic(t Topic) fields {
	config := fields{"retention.ms": t.Retention}
	if t.Replicas > 1 {
		config["min.insync.replicas"] = t.Replicas - 1
	}
	spec := fields{"partitions": t.Partitions, "replicas": t.Replicas, "config": config}
	if objectName(t.Name) != t.Name {
		spec["topicName"] = t.Name
	}
	return s.object("KafkaTopic", t.Name, spec)
}

func (s Strimzi) user(principal string, grants []Grant) fields {
	var acls []fields
	for _, g := range grants {
		if g.Principal == principal {
			acls = append(acls, fields{
				"resource":   fields{"type": g.Resource, "name": g.Name, "patternType": "literal"},
				"operations": []string{g.Operation}, "host": "*",
			})
		}
	}
	spec := fields{"authorization": fields{"type": "simple", "acls": acls}}
	if s.Authentication != "" {
		spec["authentication"] = fields{"type": s.Authentication}
	}
	return s.object("KafkaUser", strings.TrimPrefix(principal, "User:"), spec)
}

// objectName is a name of Kafka as one of Kubernetes: in small letters, without underscores.
func objectName(name string) string {
	return strings.Trim(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "-.")
}

// principals are those of the grants, each once, in their order.
func principals(grants []Grant) []string {
	var names []string
	seen := map[string]bool{}
	for _, g := range grants {
		if !seen[g.Principal] {
			seen[g.Principal] = true
			names = append(names, g.Principal)
		}
	}
	return names
}
