package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// document is one YAML or JSON document of a file.
type document struct {
	file  string
	first int // its first line, from 1
	text  string
}

// split cuts a file where a line begins with ---.
func split(source manifests.Source) []document {
	var docs []document
	current := document{file: source.Name, first: 1}
	var lines []string
	flush := func(next int) {
		current.text = strings.Join(lines, "\n")
		if !blank(lines) {
			docs = append(docs, current)
		}
		current, lines = document{file: source.Name, first: next}, nil
	}
	for i, line := range strings.Split(strings.ReplaceAll(source.Text, "\r\n", "\n"), "\n") {
		if rest, separates := strings.CutPrefix(line, "---"); separates {
			flush(i + 1)
			line = "   " + rest // what stands behind it belongs to the next
		}
		lines = append(lines, line)
	}
	flush(0)
	return docs
}

// blank says whether there is nothing but comments.
func blank(lines []string) bool {
	for _, line := range lines {
		if bare := strings.TrimSpace(line); bare != "" && !strings.HasPrefix(bare, "#") {
			return false
		}
	}
	return true
}

// object is one object of a document.
type object struct {
	file  string
	first int            // the first line of its document
	node  *yamlnode.Node // where its fields stand
	raw   []byte         // as JSON
	meta  struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        struct {
			Name         string `json:"name"`
			GenerateName string `json:"generateName"`
			Namespace    string `json:"namespace"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}

	// What it is, once the schema has accepted it; at most one, but that an order has the saga that it will make.
	definition  *v1alpha1.SagaDefinition
	participant *v1alpha1.SagaParticipant
	saga        *v1alpha1.Saga
	order       *v1alpha1.OrderWorkflow
	trigger     *v1alpha1.SagaTrigger
	examined    *examined // a definition, or that within a saga: also where it is refused

	refused map[string]bool // fields of which it is told that the API server would refuse them
}

func (o *object) kind() schema.GroupVersionKind { return o.meta.GroupVersionKind() }

func (o *object) name() string {
	if o.meta.Metadata.Name == "" && o.meta.Metadata.GenerateName != "" {
		return o.meta.Metadata.GenerateName + "*"
	}
	return o.meta.Metadata.Name
}

// objects returns what the document holds: one object, or the items of a list. A finding says why it cannot be read.
func (d document) objects() ([]*object, *Finding) {
	raw, err := manifests.ToJSON([]byte(d.text))
	if err != nil {
		return nil, d.unreadable(err)
	}
	var tree yamlnode.Node
	if err := yamlnode.Unmarshal([]byte(d.text), &tree); err != nil {
		return nil, d.unreadable(err)
	}
	var root *yamlnode.Node
	if len(tree.Content) > 0 {
		root = tree.Content[0]
	}
	o, err := d.object(raw, root)
	if err != nil {
		return nil, d.unreadable(err)
	}
	if !manifests.IsList(o.kind()) {
		return []*object{o}, nil
	}
	var items []*object
	for i, item := range o.meta.Items {
		in, err := d.object(item, child(child(root, "items"), strconv.Itoa(i)))
		if err != nil {
			return nil, d.unreadable(err)
		}
		items = append(items, in)
	}
	return items, nil
}

func (d document) object(raw []byte, node *yamlnode.Node) (*object, error) {
	o := &object{file: d.file, first: d.first, node: node, raw: raw}
	wrong := (*json.UnmarshalTypeError)(nil)
	switch err := json.Unmarshal(raw, &o.meta); {
	case errors.As(err, &wrong) && wrong.Field == "":
		return nil, fmt.Errorf("it is no Kubernetes object: apiVersion and kind are needed, there is only a JSON %s", wrong.Value)
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("it is no Kubernetes object: %s is of JSON type %s", strings.TrimPrefix(wrong.Field, "TypeMeta."), wrong.Value)
	case err != nil:
		return nil, fmt.Errorf("it is no Kubernetes object: %w", err)
	}
	if o.meta.Kind == "" || o.meta.APIVersion == "" {
		return nil, fmt.Errorf("it is no Kubernetes object: apiVersion and kind are needed")
	}
	return o, nil
}

var lineOf = regexp.MustCompile(`\bline (\d+)`)

// unreadable is a document that is no object. Lines in its message become lines of the file.
func (d document) unreadable(err error) *Finding {
	f := &Finding{Severity: Error, File: d.file, Line: d.first, Message: strings.Join(strings.Fields(err.Error()), " ")}
	f.Message = lineOf.ReplaceAllStringFunc(f.Message, func(match string) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(match, "line ")) // digits only
		f.Line = d.first + n - 1
		return fmt.Sprintf("line %d", f.Line)
	})
	return f
}
