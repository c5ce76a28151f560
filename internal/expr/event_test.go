package expr

import (
	"strings"
	"testing"
)

func TestWhereThereIsNoSagaYetTheEventIsReadOnly(t *testing.T) {
	c := compiler(t)
	template, err := c.CompileEvent([]byte(`{"orderId": "${event.data.orderId}", "parcels": "${event.data.parcels}"}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Render(shipped)
	if want := `{"orderId":"o-17","parcels":2}`; err != nil || string(got) != want {
		t.Errorf("rendered %s, %v; want %s", got, err, want)
	}
	text, err := c.TextEvent("order ${event.subject}")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := text.Write(shipped); err != nil || got != "order o-17" {
		t.Errorf("wrote %q, %v", got, err)
	}
	condition, err := c.ConditionEvent("event.data.parcels > 1")
	if err != nil {
		t.Fatal(err)
	}
	if holds, err := condition.Holds(shipped); err != nil || !holds {
		t.Errorf("holds: %t, %v", holds, err)
	}
}

func TestWhereThereIsNoSagaYetNothingOfASagaIsRead(t *testing.T) {
	c := compiler(t)
	for _, variable := range []string{"params", "steps", "saga"} {
		t.Run(variable, func(t *testing.T) {
			want := "1:1: undeclared reference to '" + variable + "'; there is event"
			_, err := c.CompileEvent([]byte(`"${` + variable + `.x}"`))
			assertError(t, err, want, ErrCompile)
			_, err = c.TextEvent("${" + variable + ".x}")
			assertError(t, err, want, ErrCompile)
			_, err = c.ConditionEvent(variable + ".x")
			assertError(t, err, want, ErrCompile)
			_, err = c.Key(variable + ".x")
			assertError(t, err, want, ErrCompile)
		})
	}
}

func TestKey(t *testing.T) {
	tests := map[string]struct{ source, want, refused string }{
		"a string":                  {source: `event.correlationid`, want: "o-17"},
		"a member of the data":      {source: `event.data.orderId`, want: "o-17"},
		"an int":                    {source: `event.data.parcels`, want: "2"},
		"a bool":                    {source: `event.data.express`, want: "false"},
		"what is put together":      {source: `event.data.orderId + '/' + event.type`, want: "o-17/shipping.shipped"},
		"the longest key":           {source: `lists.range(253).map(i, 'x').join()`, want: strings.Repeat("x", 253)},
		"a key beyond its bound":    {source: `lists.range(254).map(i, 'x').join()`, refused: "gives 254 bytes, at most 253 are allowed"},
		"an empty key":              {source: `event.dataschema`, refused: "gives an empty text, which correlates nothing"},
		"a missing member":          {source: `event.data.id`, refused: "1:11: no such key: id: where it may be absent, write .?id and end with .orValue(…)"},
		"null":                      {source: `event.data.note`, refused: "null cannot stand in a text: say what to write in its place"},
		"a double":                  {source: `event.data.weight`, refused: "a double cannot stand in a text: convert it with string(…)"},
		"an object":                 {source: `event.data`, refused: "a map cannot stand in a text: only string, int and bool can"},
		"a key that costs too much": {source: `string(` + explode[2:len(explode)-1] + `)`, refused: bareCostText},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key, err := c.Key(test.source)
			if err != nil {
				t.Fatalf("Key: %v", err)
			}
			got, err := key.Of(shipped.Event)
			if test.refused != "" {
				assertError(t, err, test.refused, ErrRender)
			} else if err != nil || got != test.want {
				t.Errorf("key %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestKeyRefuses(t *testing.T) {
	tests := map[string]struct{ source, want string }{
		"${ and } around it":         {`${event.id}`, "the whole text is an expression here: leave ${ and } around it away"},
		"a double":                   {`1.5`, "1:1: a double cannot stand in a text: convert it with string(…)"},
		"an unknown member of event": {`event.key`, `1:1: event has no field "key": it has id, source, type, subject, time, dataschema, correlationid, data`},
		"an empty one":               {``, "the expression is empty"},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Key(test.source)
			assertError(t, err, test.want, ErrCompile)
		})
	}
}
