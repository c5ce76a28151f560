package sample

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestTheLeastThatASchemaTakes(t *testing.T) {
	for name, r := range map[string]struct{ schema, want string }{
		"what is required":         {`{"required":["a"],"properties":{"a":{"type":"string"},"b":{}}}`, `{"a":"sample"}`},
		"a text of its length":     {`{"required":["a"],"properties":{"a":{"minLength":8}}}`, `{"a":"samplexx"}`},
		"a short text":             {`{"required":["a"],"properties":{"a":{"type":"string","maxLength":3}}}`, `{"a":"sam"}`},
		"the first of an enum":     {`{"required":["a"],"properties":{"a":{"enum":["x","y"]}}}`, `{"a":"x"}`},
		"a pattern":                {`{"required":["a"],"properties":{"a":{"pattern":"^[0-9]+([.][0-9]+)?$"}}}`, `{"a":"0"}`},
		"a pattern of some length": {`{"required":["a"],"properties":{"a":{"pattern":"^[A-Z]{3}$"}}}`, `{"a":"AAA"}`},
		"numbers in their bounds":  {`{"required":["a","b"],"properties":{"a":{"type":"integer","exclusiveMinimum":4},"b":{"type":"number","maximum":0.5}}}`, `{"a":5,"b":0.5}`},
		"lists of their length":    {`{"required":["a"],"properties":{"a":{"minItems":2,"items":{"type":"boolean"}}}}`, `{"a":[true,true]}`},
		"a constant":               {`{"required":["a"],"properties":{"a":{"const":"EUR"}}}`, `{"a":"EUR"}`},
		"an example":               {`{"required":["a"],"properties":{"a":{"pattern":"^[A-Z]{3}$","examples":["USD"]}}}`, `{"a":"USD"}`},
		"the first of some types":  {`{"required":["a"],"properties":{"a":{"type":["object","null"],"required":["b"],"properties":{"b":{"type":"null"}}}}}`, `{"a":{"b":null}}`},
		"the first choice":         {`{"oneOf":[{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}},{"type":"object","required":["b"]}]}`, `{"a":1}`},
		"nothing":                  {`{}`, `{}`},
		"references and all of":    {`{"$defs":{"x":{"required":["a"]}},"allOf":[{"$ref":"#/$defs/x"}],"required":["b"],"properties":{"b":{"format":"date"}}}`, `{"a":"a","b":"2026-01-01"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Value([]byte(r.schema))
			if err != nil || string(got) != r.want {
				t.Errorf("want %s, got %s, %v", r.want, got, err)
			}
		})
	}
}

func TestNoSampleIsBetterThanAWrongOne(t *testing.T) {
	for name, field := range map[string]string{
		"a schema that nothing matches":       `{"not":{}}`,
		"a pattern that repeats nothing":      `{"pattern":"^(x?)*$","minLength":3,"maxLength":3}`,
		"a text that is longer than we write": `{"minLength":1000000}`,
	} {
		if got, err := Value([]byte(`{"required":["a"],"properties":{"a":` + field + `}}`)); !errors.Is(err, ErrNoSample) {
			t.Errorf("%s: %.100s, %v", name, got, err)
		}
	}
}

func TestAnswersHoldWhatExpressionsRead(t *testing.T) {
	def := v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{
		{Name: "pay", Action: &v1alpha1.Action{Command: "pay", Output: []string{"kept"}}},
		{Name: "paid", When: `steps['pay'].output.amount > 10`, Await: &v1alpha1.Await{Event: "paid", Filter: `event.data.status == 'ok' && event.data.price == params.price`}},
		{Name: "ship", Action: &v1alpha1.Action{Command: "ship", Input: &runtime.RawExtension{
			Raw: []byte(`{"id":"${steps['pay'].?output.?card.?id.orValue('')}","lines":"${steps['pay'].output.lines.map(l, l.sku)}"}`),
		}}},
	}}
	answers, err := Answers(def, []byte(`{"price":"9.90"}`))
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range map[string]string{
		"pay":  `{"amount":11,"card":{"id":"pay-card-id"},"kept":"pay-kept","lines":[]}`,
		"paid": `{"price":"9.90","status":"ok"}`, "ship": `{}`,
	} {
		if string(answers[step]) != want {
			t.Errorf("%s: want %s, got %s", step, want, answers[step])
		}
	}
}

func TestParamsWithoutASchemaAreWhatExpressionsRead(t *testing.T) {
	got, err := Params(v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{Name: "a", When: `params.kind == 'gift' && params.card.size() > 1`}}})
	if want := `{"card":"card","kind":"gift"}`; err != nil || string(got) != want {
		t.Errorf("want %s, got %s, %v", want, got, err)
	}
}
