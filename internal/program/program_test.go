package program

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

func newCache(t *testing.T) *Cache {
	t.Helper()
	compiler, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	return NewCache(compiler)
}

// order is a definition of two steps whose inputs are as given, and whose parameters and first output are closed.
func order(parameters, first, second string) v1alpha1.SagaDefinitionSpec {
	step := func(name, input string) v1alpha1.Step {
		return v1alpha1.Step{
			Name: name, Participant: "shop", Recovery: v1alpha1.RecoveryRetriable,
			Action: &v1alpha1.Action{Command: "do", Input: &runtime.RawExtension{Raw: []byte(input)}},
		}
	}
	def := v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{step("reserve", first), step("charge", second)}}
	def.Parameters = &runtime.RawExtension{Raw: []byte(parameters)}
	def.Steps[0].Action.OutputSchema = &runtime.RawExtension{Raw: []byte(`{"properties": {"id": {}, "shelf": {}}, "additionalProperties": false}`)}
	def.Steps[0].Action.Output = []string{"id"}
	return def
}

const closed = `{"properties": {"orderId": {"type": "string"}}, "additionalProperties": false}`

func TestADefinitionWithAMistakeIsRefusedButOneThatWasAcceptedGoesOn(t *testing.T) {
	tests := map[string]struct {
		parameters, first, second string
		want                      string
		is                        error
	}{
		"a misspelt parameter": {parameters: closed, first: `{"id": "${params.orderID}"}`, second: `{}`, is: engine.ErrInvalidExpression,
			want: `steps[0] (reserve): invalid expression: action.input: id: 1:7: params has no field "orderID": its schema declares orderId`},
		"a misspelt output": {parameters: closed, first: `{}`, second: `{"id": "${steps.reserve.output.ID}"}`, is: engine.ErrInvalidExpression,
			want: `steps[1] (charge): invalid expression: action.input: id: 1:21: steps['reserve'].output has no field "ID": the step keeps id`},
		"an output that is not kept": {parameters: closed, first: `{}`, second: `{"id": "${steps.reserve.output.shelf}"}`, is: engine.ErrInvalidExpression,
			want: `steps[1] (charge): invalid expression: action.input: id: 1:21: steps['reserve'].output has no field "shelf": the step keeps id`},
		"parameters that contradict themselves": {parameters: `{"properties": {"n": {"minimum": 2, "maximum": 1}}}`, first: `{}`, second: `{}`, is: ErrInvalidSchema,
			want: "invalid definition: parameters: schema is not valid: /properties/n: no number fits between minimum 2 and maximum 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, def := newCache(t), order(test.parameters, test.first, test.second)
			if _, err := c.Compile(def); !errors.Is(err, test.is) || err.Error() != test.want {
				t.Errorf("error is\n  %v\nwant\n  %s", err, test.want)
			}
			accepted, err := c.Recompile(def)
			if err != nil {
				t.Fatalf("what was accepted does not go on: %v", err)
			}
			again, err := c.CompileRevision("u-1", func() (v1alpha1.SagaDefinitionSpec, error) { return def, nil })
			if err != nil || again != accepted {
				t.Errorf("a revision is compiled to %p, %v; want %p", again, err, accepted)
			}
			if _, err := c.Compile(def); err == nil {
				t.Error("accepted, once it was compiled as accepted before")
			}
		})
	}
}

func TestASchemaThatIsNoneIsRefusedThoughItWasAcceptedBefore(t *testing.T) {
	_, err := newCache(t).Recompile(order(`{"type": "text"}`, `{}`, `{}`))
	if !errors.Is(err, ErrInvalidSchema) {
		t.Errorf("error is %v", err)
	}
}

func TestADefinitionIsCompiledOnce(t *testing.T) {
	c, def := newCache(t), order(closed, `{"id": "${params.orderId}"}`, `{"id": "${steps.reserve.output.id}"}`)
	first, err := c.Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Compile(*def.DeepCopy())
	if err != nil || first != second {
		t.Errorf("compiled to %p and then to %p, %v", first, second, err)
	}
	accepted, err := c.Recompile(def)
	if err != nil || accepted.Digest != first.Digest {
		t.Errorf("digest %s, and %s of the same as accepted before, %v", first.Digest, accepted.Digest, err)
	}
	if err := first.Schema.Validate([]byte(`{"orderId": 1}`)); err == nil {
		t.Error("the schema of the parameters is not asked")
	}
}

func TestARevisionThatCannotBeLoadedIsNotRemembered(t *testing.T) {
	c, uid := newCache(t), types.UID("u-1")
	_, err := c.CompileRevision(uid, func() (v1alpha1.SagaDefinitionSpec, error) { return v1alpha1.SagaDefinitionSpec{}, errors.New("gone") })
	if !errors.Is(err, engine.ErrInvalidDefinition) {
		t.Errorf("error is %v", err)
	}
	if _, err := c.CompileRevision(uid, func() (v1alpha1.SagaDefinitionSpec, error) { return order(closed, `{}`, `{}`), nil }); err != nil {
		t.Error(err)
	}
}

func TestTheSamplesAndExamplesHaveNoMistakes(t *testing.T) {
	c, found := newCache(t), 0
	for _, pattern := range []string{"../../config/samples/*.yaml", "../../examples/*/*/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for document := range strings.SplitSeq(string(raw), "\n---\n") {
				var def v1alpha1.SagaDefinition
				if !strings.Contains(document, "kind: SagaDefinition\n") {
					continue
				}
				if err := yaml.Unmarshal([]byte(document), &def); err != nil {
					t.Fatal(err)
				}
				found++
				if _, err := c.Compile(def.Spec); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		}
	}
	if found < 2 {
		t.Errorf("found %d definitions", found)
	}
}

func TestAnEmptyListOfOutputsKeepsNothingAndIsToldFromNone(t *testing.T) {
	c := newCache(t)
	all := order(`{}`, `{}`, `{}`)
	all.Steps[0].Action.Output = nil
	nothing := *all.DeepCopy()
	nothing.Steps[0].Action.Output = []string{}
	first, err := c.Compile(all)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Compile(nothing)
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("they are one program")
	}
	if first.Digest != second.Digest {
		t.Error("the digest of sagas that are stored already has changed")
	}
}
