package trigger

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// placed is a trigger that starts a saga for each event; change says what else.
func placed(change func(*v1alpha1.SagaTriggerSpec)) *v1alpha1.SagaTrigger {
	t := &v1alpha1.SagaTrigger{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "placed"},
		Spec:       v1alpha1.SagaTriggerSpec{Topic: "orders", DefinitionRef: &v1alpha1.DefinitionReference{Name: "fulfil"}},
	}
	if change != nil {
		change(&t.Spec)
	}
	return t
}

func raw(text string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(text)} }

func compile(t testing.TB, trigger *v1alpha1.SagaTrigger) (*Plan, error) {
	t.Helper()
	x, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	return Compile(x, trigger)
}

func planOf(t testing.TB, trigger *v1alpha1.SagaTrigger) *Plan {
	t.Helper()
	p, err := compile(t, trigger)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// event is one in binary mode; headers come in pairs, and take the place of those of the same name.
func event(data string, headers ...string) wire.Message {
	values := map[string]string{
		wire.HeaderSpecVersion: "1.0", wire.HeaderID: "e-1", wire.HeaderSource: "/web", wire.HeaderType: "order.placed", wire.HeaderContentType: "application/json",
	}
	m := wire.Message{Topic: "orders", Value: []byte(data)}
	for i := 0; i < len(headers); i += 2 {
		values[headers[i]] = headers[i+1]
	}
	for name, value := range values {
		m.Headers = append(m.Headers, wire.Header{Key: name, Value: []byte(value)})
	}
	return m
}

func TestAnEventIsPassedOverOrRefusedForAReason(t *testing.T) {
	filtered := func(s *v1alpha1.SagaTriggerSpec) { s.Filter = "event.data.amount > 10" }
	typed := func(s *v1alpha1.SagaTriggerSpec) { s.Types = []string{"order.*", "return.made"} }
	mapped := func(s *v1alpha1.SagaTriggerSpec) { s.Params = raw(`{"id":"${event.data.id}"}`) }
	keyed := func(s *v1alpha1.SagaTriggerSpec) { s.BusinessKey = "${event.subject}" }
	ordered := func(s *v1alpha1.SagaTriggerSpec) {
		s.DefinitionRef, s.Order = nil, raw(`{"customer":"${event.data.customer}","currency":"EUR","lines":"${event.data.lines}","total":"${event.data.total}",
			"payment":{"method":"tok"},"delivery":{"address":["a"],"city":"b","country":"DE"}}`)
	}
	for name, test := range map[string]struct {
		change  func(*v1alpha1.SagaTriggerSpec)
		message wire.Message
		reason  string // empty: passed over
		says    string
	}{
		"another type":                       {typed, event(`{}`, wire.HeaderType, "payment.made"), "", ""},
		"another type with data of any kind": {typed, event(strings.Repeat("x", 2<<20), wire.HeaderType, "payment.made"), "", ""},
		"a filter that is false":             {filtered, event(`{"amount":10}`), "", ""},
		"a copy of a dead letter":            {nil, event(`{}`, wire.HeaderDeadTopic, "shop.saga.deadletters"), "", ""},
		"no CloudEvent":                      {nil, wire.Message{Value: []byte(`{}`)}, wire.ReasonMalformed, "ce_specversion"},
		"no source":                          {nil, event(`{}`, wire.HeaderSource, ""), wire.ReasonMalformed, "ce_source"},
		"no id":                              {nil, event(`{}`, wire.HeaderID, ""), wire.ReasonMalformed, "ce_id"},
		"data that is no JSON":               {nil, event(`order 4711`), wire.ReasonInvalidData, "it is no JSON (10 bytes)"},
		"two megabytes of data":              {nil, event(strings.Repeat("x", 2<<20)), wire.ReasonInvalidData, "it has 2097152 bytes, at most 16384 are allowed"},
		"an envelope of two megabytes": {
			nil, event(strings.Repeat("x", 2<<20), wire.HeaderContentType, "application/cloudevents+json"), wire.ReasonInvalidData, "at most 1048576 are allowed"},
		"a filter that cannot be evaluated":  {filtered, event(`{"amount":"ten"}`), wire.ReasonFilterFailed, "spec.filter: 1:19: "},
		"a mapping that cannot be evaluated": {mapped, event(`{}`), wire.ReasonMappingFailed, "spec.params.id: 1:11: no such key: id"},
		"params beyond their bound": {
			func(s *v1alpha1.SagaTriggerSpec) { s.Params = raw(`{"a":"${event.data}","b":"${event.data}"}`) },
			event(`{"x":"` + strings.Repeat("x", 10<<10) + `"}`), wire.ReasonMappingFailed, "at most 16384 are allowed"},
		"a business key with a space":       {keyed, event(`{}`, wire.HeaderSubject, "order 1"), wire.ReasonMappingFailed, `spec.businessKey: gives "order 1" (7 bytes)`},
		"a business key that is too long":   {keyed, event(`{}`, wire.HeaderSubject, strings.Repeat("x", 64)), wire.ReasonMappingFailed, "at most 63 characters"},
		"an order with a field of no order": {func(s *v1alpha1.SagaTriggerSpec) { s.DefinitionRef, s.Order = nil, raw(`{"totl":"1"}`) }, event(`{}`), wire.ReasonMappingFailed, `unknown field "totl"`},
		"an order with a text for a number": {
			ordered, event(`{"customer":{"id":"c","name":"C"},"lines":[{"sku":"A","quantity":"2","unitPrice":"1.00"}],"total":"2.00"}`),
			wire.ReasonMappingFailed, "spec.order: gives no order"},
		"an order with a wrong sum": {
			ordered, event(`{"customer":{"id":"c","name":"C"},"lines":[{"sku":"A","quantity":2,"unitPrice":"1.00"}],"total":"3.00"}`),
			wire.ReasonMappingFailed, "spec.order: total: the lines sum up to 2.00 EUR"},
	} {
		t.Run(name, func(t *testing.T) {
			verdict := planOf(t, placed(test.change)).Judge(test.message)
			switch {
			case verdict.Start != nil:
				t.Fatalf("it starts %s", verdict.Start.object.GetName())
			case test.reason == "" && verdict.Refused != nil:
				t.Fatalf("it is refused: %+v", verdict.Refused)
			case test.reason == "":
				return
			case verdict.Refused == nil:
				t.Fatalf("it is passed over, not refused as %s", test.reason)
			}
			if got := verdict.Refused; got.Reason != test.reason || !strings.Contains(got.Detail, test.says) || got.Trigger != "shop/placed" {
				t.Errorf("refused as %+v, want %s that says %q", got, test.reason, test.says)
			}
		})
	}
}

func TestAnEventStartsASagaThatIsNamedAfterIt(t *testing.T) {
	trigger := placed(func(s *v1alpha1.SagaTriggerSpec) {
		s.Types, s.Filter, s.BusinessKey = []string{"*.placed"}, "event.type.startsWith('order')", "o-${event.data.id}"
		s.Params = raw(`{"orderId":"${event.data.id}","count":"${size(event.data.lines)}","fixed":true}`)
		s.TTL = &v1alpha1.SagaTTL{Completed: &metav1.Duration{}}
	})
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	verdict := planOf(t, trigger).Judge(event(`{"id":"81","lines":[1,2]}`, wire.HeaderTraceParent, parent))
	if verdict.Start == nil {
		t.Fatalf("nothing starts: %+v", verdict.Refused)
	}
	want := &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: NameOf("placed", "/web", "e-1"), Finalizers: []string{v1alpha1.FinalizerSaga},
			Labels: map[string]string{v1alpha1.LabelTrigger: "placed"},
			Annotations: map[string]string{
				v1alpha1.AnnotationEventID: "e-1", v1alpha1.AnnotationEventSource: "/web", v1alpha1.AnnotationTraceParent: parent,
			},
		},
		Spec: v1alpha1.SagaSpec{
			DefinitionRef: &v1alpha1.DefinitionReference{Name: "fulfil"}, BusinessKey: "o-81", OnKeyUsed: v1alpha1.KeyUsedEnd,
			Params: raw(`{"count":2,"fixed":true,"orderId":"81"}`), TTL: &v1alpha1.SagaTTL{Completed: &metav1.Duration{}},
		},
	}
	if diff := cmp.Diff(want, verdict.Start.object); diff != "" {
		t.Errorf("saga differs (-want +got):\n%s", diff)
	}
}

func TestAnEventStartsAnOrder(t *testing.T) {
	trigger := placed(func(s *v1alpha1.SagaTriggerSpec) {
		s.DefinitionRef, s.Order = nil, raw(`{"customer":{"id":"${event.data.customer}","name":"Ada"},"currency":"EUR","lines":"${event.data.lines}",
			"total":"3.00","payment":{"method":"tok"},"delivery":{"address":["Street 1"],"city":"B","country":"DE"}}`)
	})
	verdict := planOf(t, trigger).Judge(event(`{"customer":"c-7","lines":[{"sku":"A","quantity":2,"unitPrice":"1.50"}]}`))
	if verdict.Start == nil {
		t.Fatalf("nothing starts: %+v", verdict.Refused)
	}
	order, ok := verdict.Start.object.(*v1alpha1.OrderWorkflow)
	if !ok || order.Name != NameOf("placed", "/web", "e-1") || order.Labels[v1alpha1.LabelTrigger] != "placed" || len(order.Finalizers) > 0 {
		t.Fatalf("it starts %T %+v", verdict.Start.object, verdict.Start.object)
	}
	if order.Spec.Customer.ID != "c-7" || order.Spec.Lines[0].Quantity != 2 || order.Spec.Total != "3.00" {
		t.Errorf("order %+v", order.Spec)
	}
}

func TestNoTwoEventsShareAName(t *testing.T) {
	names := map[string]string{}
	for _, event := range [][2]string{{"/web", "1"}, {"/web1", ""}, {"/we", "b1"}, {"/web", "1 "}, {"", "/web1"}} {
		name := NameOf("placed", event[0], event[1])
		if other, taken := names[name]; taken {
			t.Errorf("%q and %q have one name", event, other)
		}
		names[name] = strings.Join(event[:], "|")
	}
	if n := len(NameOf(strings.Repeat("t", 63), "s", "i")); n > 128 {
		t.Errorf("the longest name has %d characters; a saga's has at most 128", n)
	}
}

func TestAStarStandsForAnyRunOfCharacters(t *testing.T) {
	for name, test := range map[string]struct {
		pattern, kind string
		want          bool
	}{
		"itself":                      {"order.placed", "order.placed", true},
		"a beginning":                 {"order", "order.placed", false},
		"a family":                    {"order.*", "order.placed", true},
		"a family with nothing":       {"order.*", "order.", true},
		"another family":              {"order.*", "orders.placed", false},
		"an ending":                   {"*.placed", "eu.order.placed", true},
		"a middle":                    {"eu.*.placed", "eu.order.placed", true},
		"a middle that overlaps":      {"aba*ba", "aba", false},
		"two stars":                   {"*.order.*", "eu.order.placed", true},
		"two stars, parts in order":   {"*b*a*", "ab", false},
		"the earliest place is taken": {"a*b*bc", "axbbc", true},
		"all":                         {"*", "anything", true},
		"no other character counts":   {"order.?", "order.x", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := takes(patternsOf([]string{test.pattern}), test.kind); got != test.want {
				t.Errorf("%s takes %s: %t", test.pattern, test.kind, got)
			}
		})
	}
	if !takes(nil, "anything") {
		t.Error("without patterns a type is not taken")
	}
}

func TestATriggerThatCannotBeUsedSaysWhichField(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.SagaTriggerSpec)
		want   error
		says   string
	}{
		"a filter that never compiles":    {func(s *v1alpha1.SagaTriggerSpec) { s.Filter = "event.data.amount >" }, ErrInvalidExpression, "spec.filter: 1:20: "},
		"a filter that is no condition":   {func(s *v1alpha1.SagaTriggerSpec) { s.Filter = "1 + 1" }, ErrInvalidExpression, "spec.filter: "},
		"a filter that reads params":      {func(s *v1alpha1.SagaTriggerSpec) { s.Filter = "params.x == 1" }, ErrInvalidExpression, "there is event"},
		"a business key that reads sagas": {func(s *v1alpha1.SagaTriggerSpec) { s.BusinessKey = "${saga.name}" }, ErrInvalidExpression, "spec.businessKey: "},
		"params that never compile":       {func(s *v1alpha1.SagaTriggerSpec) { s.Params = raw(`{"a":{"b":"${event.}"}}`) }, ErrInvalidMapping, "spec.params.a.b: "},
		"an order that never compiles":    {func(s *v1alpha1.SagaTriggerSpec) { s.Order = raw(`{"total":"${1 +}"}`) }, ErrInvalidMapping, "spec.order.total: "},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := compile(t, placed(test.change)); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error is %v, want %v that says %q", err, test.want, test.says)
			}
		})
	}
}

// FuzzJudge feeds foreign messages to a trigger: each has one verdict, and what starts is what the API takes by its size.
func FuzzJudge(f *testing.F) {
	p := planOf(f, placed(func(s *v1alpha1.SagaTriggerSpec) {
		s.Filter, s.BusinessKey, s.Params = "has(event.data.id)", "${event.subject}", raw(`{"all":"${event}","id":"${event.data.id}"}`)
	}))
	f.Add("e", "/s", "order.placed", "k", "application/json", []byte(`{"id":1}`))
	f.Add("e", "/s", "order.placed", "k", "application/cloudevents+json", []byte(`{"specversion":"1.0","id":"i","source":"s","type":"t","data":{"id":[]}}`))
	f.Fuzz(func(t *testing.T, id, source, kind, subject, content string, data []byte) {
		m := event(string(data), wire.HeaderID, id, wire.HeaderSource, source, wire.HeaderType, kind, wire.HeaderSubject, subject, wire.HeaderContentType, content)
		verdict := p.Judge(m)
		if verdict.Start != nil && verdict.Refused != nil {
			t.Fatal("an event is refused and starts something")
		}
		if verdict.Start != nil && (!json.Valid(verdict.Start.params) || len(verdict.Start.params) > v1alpha1.MaxParamsBytes) {
			t.Fatalf("%d bytes of params: %s", len(verdict.Start.params), verdict.Start.params)
		}
	})
}
