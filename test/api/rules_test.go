package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// attempt is an example with a change that the API server is asked to accept.
type attempt struct {
	example string
	stored  bool // the example exists already, and the change is an update
	edits   []edit
	want    []string // why it is refused, as "field: message", sorted; empty where it is accepted
}

func creating(example string, edits ...edit) attempt {
	return attempt{example: example, edits: edits}
}

func updating(example string, edits ...edit) attempt {
	return attempt{example: example, edits: edits, stored: true}
}

// refused says why: "field: message" each.
func (a attempt) refused(want ...string) attempt {
	slices.Sort(want)
	a.want = want
	return a
}

// tables are all attempts, by the file that they are in.
var tables = map[string]map[string]attempt{
	"definitions":  definitionAttempts(definition, "spec"),
	"inline":       definitionAttempts(saga, "spec/definition"),
	"graphs":       graphAttempts(graph, "spec"),
	"inline graph": graphAttempts(sagaGraph, "spec/definition"),
	"sagas":        sagaAttempts,
	"participants": participantAttempts,
	"orders":       orderAttempts,
	"triggers":     triggerAttempts,
}

func TestRules(t *testing.T) {
	for table, attempts := range tables {
		t.Run(table, func(t *testing.T) {
			s := newServer(t)
			stored := map[string]*unstructured.Unstructured{}
			for name, a := range attempts {
				t.Run(name, func(t *testing.T) {
					if diff := cmp.Diff(a.want, causes(s.try(a, stored))); diff != "" {
						t.Errorf("refused because (-want +got):\n%s", diff)
					}
				})
			}
		})
	}
}

// try makes the attempt; examples that are updated are stored once.
func (s *server) try(a attempt, stored map[string]*unstructured.Unstructured) error {
	s.t.Helper()
	object := load(s.t, a.example)
	if a.stored {
		if stored[a.example] == nil {
			stored[a.example] = s.create(object)
		}
		object = stored[a.example].DeepCopy()
	}
	for _, change := range a.edits {
		change(object)
	}
	if a.stored {
		return s.tryUpdate(object)
	}
	return s.tryCreate(object)
}

// A rule without an example that breaks it may be no rule at all.
func TestEveryRuleOfTheSchemaHasAnExampleThatItRefuses(t *testing.T) {
	var refusals []string
	for _, attempts := range tables {
		for _, a := range attempts {
			refusals = append(refusals, a.want...)
		}
	}
	for kind, root := range schemas(t) {
		walk(root, nil, func(n node) {
			for _, rule := range n.schema.XValidations {
				suffix := ": " + rule.Message
				if !slices.ContainsFunc(refusals, func(r string) bool { return strings.HasSuffix(r, suffix) }) {
					t.Errorf("%s %s: no example is refused with %q", kind, strings.Join(n.path, "."), rule.Message)
				}
			}
		})
	}
}
