package expr

import (
	"strings"
	"testing"
)

// awaiting is the scope of a filter, upcasting that of an upcast.
var (
	awaiting  = Scope{Steps: order.Steps, All: order.All, Event: true}
	upcasting = Scope{All: order.All, Data: true}
)

// shipped are the values that an await of the order reads.
var shipped = Values{
	Params: orderValues.Params, Outputs: orderValues.Outputs, Saga: orderValues.Saga,
	Event: []byte(`{"id": "e-1", "source": "/shipping", "type": "shipping.shipped", "subject": "o-17", "time": "2026-01-02T03:04:05Z",
		"dataschema": "", "correlationid": "o-17", "data": {"orderId": "o-17", "parcels": 2, "express": false, "weight": 1.5, "note": null}}`),
	Data: []byte(`{"order": "o-17", "reservation": {"id": "r-81"}}`),
}

func TestText(t *testing.T) {
	tests := map[string]struct{ source, want string }{
		"an empty text":                         {``, ``},
		"a text without expressions":            {`for "tea"`, `for "tea"`},
		"one expression alone is written out":   {`${params.orderId}`, `o-17`},
		"an int alone is written out":           {`${params.quantity}`, `3`},
		"a bool alone is written out":           {`${params.express}`, `true`},
		"several are spliced":                   {`${saga.name}: ${params.quantity} of ${params.orderId}`, `order-17: 3 of o-17`},
		"$${ is a literal ${":                   {`$${x} ${params.quantity}`, `${x} 3`},
		"nothing is escaped":                    {`<"${params.address.zip}">`, `<"<90-001>">`},
		"an output of an earlier step":          {`${steps['reserve-inventory'].output.reservationId}`, `r-81`},
		"the event, where it may be read":       {`${event.id} ${event.data.parcels}`, `e-1 2`},
		"a variable of a macro named like data": {`${params.lines.map(data, data.sku).join(',')}`, `tea,cup`},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := c.Text(test.source, awaiting)
			if err != nil {
				t.Fatalf("Text: %v", err)
			}
			if got, err := text.Write(shipped); err != nil || got != test.want {
				t.Errorf("wrote %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestTextRefuses(t *testing.T) {
	tests := map[string]struct {
		source, want string
		is           error
	}{
		"a double alone":                      {source: `${1.5}`, want: "1:1: a double cannot stand in a text: convert it with string(…)"},
		"a list alone":                        {source: `${[1]}`, want: "1:1: a list cannot stand in a text: only string, int and bool can"},
		"null":                                {source: `a${null}`, want: "1:1: null cannot stand in a text: say what to write in its place"},
		"an optional value":                   {source: `${params.?note}`, want: "1:1: gives an optional value: say with .orValue(…) what it is when there is none"},
		"an expression that does not end":     {source: `x ${params.a`, want: "no } closes the ${ at character 3: close it, or write $${ for a literal ${"},
		"a text beyond its bound":             {source: strings.Repeat("x", MaxTemplate+1), want: "is 32769 bytes of text, at most 32768 are allowed", is: ErrTooLarge},
		"a later step":                        {source: `${steps.announce.output.id}`, want: `1:1: step "announce" is not done yet when this is evaluated; readable here: reserve-inventory, charge-payment`, is: ErrReference},
		"an event, where there is none":       {source: `${event.id}`, want: "1:1: undeclared reference to 'event'; there are params, steps and saga; event is for filter, for eventKey and for triggers"},
		"data to upcast, where there is none": {source: `${data.id}`, want: "1:1: undeclared reference to 'data'; there are params, steps and saga; data is for upcasts"},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Text(test.source, order)
			assertError(t, err, test.want, ErrCompile, test.is)
		})
	}
}

func TestATextThatCannotBeWritten(t *testing.T) {
	tests := map[string]struct {
		source, want string
		is           error
	}{
		"a double known only now":      {source: `${params.weight}`, want: "a double cannot stand in a text: convert it with string(…)"},
		"a list known only now":        {source: `${params.lines}`, want: "a list cannot stand in a text: only string, int and bool can"},
		"null known only now":          {source: `for ${params.note}`, want: "null cannot stand in a text: say what to write in its place"},
		"a missing parameter":          {source: `${params.missing}`, want: "1:7: no such key: missing: where it may be absent, write .?missing and end with .orValue(…)"},
		"a text beyond its bound":      {source: `${lists.range(1000).map(i, '01234567890123456789').join()}`, want: "renders to 20000 bytes, at most 16384 are allowed", is: ErrTooLarge},
		"a long way":                   {source: explode, want: costText, is: ErrCost},
		"an event that is no JSON":     {source: `${event.id}`, want: "event is no valid JSON"},
		"data that is absent is empty": {source: `${string(data.size())}${data.id}`, want: "1:5: no such key: id: where it may be absent, write .?id and end with .orValue(…)"},
	}
	c := compiler(t)
	values := orderValues
	values.Event = []byte(`{`)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := c.Text(test.source, Scope{Event: true, Data: true})
			if err != nil {
				t.Fatalf("Text: %v", err)
			}
			_, err = text.Write(values)
			assertError(t, err, test.want, ErrRender, test.is)
		})
	}
}

// explode walks a list within a list within a list.
const explode = `${lists.range(100).exists(a, lists.range(100).exists(b, lists.range(100).exists(c, a + b + c < 0)))}`

func TestCondition(t *testing.T) {
	tests := map[string]struct {
		source string
		want   bool
	}{
		"a comparison that is true":        {`params.quantity > 2`, true},
		"a comparison that is false":       {`params.quantity > 3`, false},
		"a bool known only now":            {`params.express`, true},
		"an output of an earlier step":     {`has(steps['charge-payment'].output)`, false},
		"an event's data against a param":  {`event.data.orderId == params.orderId`, true},
		"an event's attributes":            {`event.type.endsWith('.shipped') && timestamp(event.time) < timestamp('2027-01-01T00:00:00Z')`, true},
		"an absent member, with a default": {`event.data.?damaged.orValue(false)`, false},
		"lines and comments":               {"params.quantity > 2 // enough\n && true", true},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			condition, err := c.Condition(test.source, awaiting)
			if err != nil {
				t.Fatalf("Condition: %v", err)
			}
			if got, err := condition.Holds(shipped); err != nil || got != test.want {
				t.Errorf("holds: %t, %v; want %t", got, err, test.want)
			}
		})
	}
}

func TestConditionRefuses(t *testing.T) {
	const members = "id, source, type, subject, time, dataschema, correlationid, data"
	tests := map[string]struct {
		source, want string
		is           error
	}{
		"an empty one":                   {source: ` `, want: "the expression is empty"},
		"${ and } around it":             {source: ` ${params.express} `, want: "the whole text is an expression here: leave ${ and } around it away"},
		"a string":                       {source: `saga.name`, want: "1:1: gives a string, where true or false is needed"},
		"an int":                         {source: `1 + 1`, want: "1:1: gives an int, where true or false is needed"},
		"null":                           {source: `null`, want: "1:1: gives null, where true or false is needed"},
		"an optional bool":               {source: `params.?express`, want: "1:1: gives an optional value: say with .orValue(…) what it is when there is none"},
		"a syntax error, with its place": {source: "true &&\n  (1", want: "2:5: the expression ends too early: ) is missing"},
		"an unknown variable":            {source: `param.express`, want: "1:1: undeclared reference to 'param'; there are params, steps, saga and event"},
		"an unknown member of event":     {source: `event.payload.id == 1`, want: `1:1: event has no field "payload": it has ` + members},
		"an optional unknown member":     {source: `event.?datacontenttype.hasValue()`, want: `1:1: event has no field "datacontenttype": it has ` + members},
		"an unknown member, indexed":     {source: `event['Type'] == ''`, want: `1:1: event has no field "Type": it has ` + members},
		"a variable that hides event":    {source: `params.lines.exists(event, event.sku == 'tea')`, want: "1:20: a variable cannot be named event here: choose another name"},
		"data to upcast":                 {source: `data.express`, want: "1:1: undeclared reference to 'data'; there are params, steps, saga and event; data is for upcasts"},
		"a later step":                   {source: `steps.announce.output.ok`, want: `1:1: step "announce" is not done yet when this is evaluated; readable here: reserve-inventory, charge-payment`, is: ErrReference},
		"an expression beyond its bound": {source: strings.Repeat("true&&", 800) + "true", want: "the expression is 4804 bytes, at most 4096 are allowed"},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Condition(test.source, awaiting)
			assertError(t, err, test.want, ErrCompile, test.is)
		})
	}
}

func TestAConditionThatCannotBeJudged(t *testing.T) {
	tests := map[string]struct {
		source, want string
		is           error
	}{
		"a string known only now": {source: `params.orderId`, want: "gives a string, where true or false is needed"},
		"null known only now":     {source: `params.note`, want: "gives null, where true or false is needed"},
		"a missing member":        {source: `event.data.damaged`, want: "1:11: no such key: damaged: where it may be absent, write .?damaged and end with .orValue(…)"},
		"a long way":              {source: explode[2 : len(explode)-1], want: bareCostText, is: ErrCost},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			condition, err := c.Condition(test.source, awaiting)
			if err != nil {
				t.Fatalf("Condition: %v", err)
			}
			_, err = condition.Holds(shipped)
			assertError(t, err, test.want, ErrRender, test.is)
		})
	}
}

func TestAnUpcastReadsData(t *testing.T) {
	template, err := compiler(t).Compile([]byte(`{"reservationId": "${data.reservation.id}", "of": "${saga.name} ${params.quantity}"}`), upcasting)
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Render(shipped)
	if want := `{"of":"order-17 3","reservationId":"r-81"}`; err != nil || string(got) != want {
		t.Errorf("rendered %s, %v; want %s", got, err, want)
	}
	_, err = compiler(t).Compile([]byte(`"${event.id}"`), upcasting)
	assertError(t, err, "1:1: undeclared reference to 'event'; there are params, steps, saga and data; event is for filter, for eventKey and for triggers", ErrCompile)
}
