package expr

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"cel.dev/cel-go/common/types"
)

func TestRender(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"no template at all is the empty object":     {``, `{}`},
		"what holds no expression stays":             {`{"b": [1, true, null, "x"], "a": {}}`, `{"a":{},"b":[1,true,null,"x"]}`},
		"numbers are written in one way":             {`[1.0, 1e2, -0, 0.5, 12345678901234567890]`, `[1,100,0,0.5,12345678901234567000]`},
		"nothing is escaped for HTML":                {`"<a&b>"`, `"<a&b>"`},
		"a string keeps its type":                    {`"${params.orderId}"`, `"o-17"`},
		"an int keeps its type":                      {`"${params.quantity}"`, `3`},
		"a bool keeps its type":                      {`"${params.express}"`, `true`},
		"null keeps its type":                        {`"${params.note}"`, `null`},
		"a list keeps its type":                      {`"${params.lines}"`, `[{"quantity":2,"sku":"tea"},{"quantity":1,"sku":"cup"}]`},
		"an object keeps its type":                   {`"${params.address}"`, `{"city":"Łódź","zip":"<90-001>"}`},
		"a double keeps its type":                    {`"${params.weight}"`, `2.5`},
		"a whole double is an int":                   {`"${params.weight * 2.0}"`, `5`},
		"a whole number of JSON is an int":           {`"${params.whole * 2}"`, `8`},
		"an unsigned int is a number":                {`"${7u}"`, `7`},
		"large and small doubles have exponents":     {`["${1e21}", "${1e20}", "${1e-7}"]`, `[1e+21,100000000000000000000,1e-07]`},
		"strings, ints and bools are spliced":        {`"${params.orderId}/${params.quantity}/${params.express}/${2u}"`, `"o-17/3/true/2"`},
		"blanks around an expression make a string":  {`" ${params.quantity}"`, `" 3"`},
		"$${ is a literal ${":                        {`"$${params.orderId} is ${params.orderId}"`, `"${params.orderId} is o-17"`},
		"a lone $ is itself":                         {`"$5 $$ $"`, `"$5 $$ $"`},
		"a $ before an expression is an expression":  {`"${'$'}${params.amount}"`, `"$12.50"`},
		"keys are no templates":                      {`{"${params.orderId}": 1}`, `{"${params.orderId}":1}`},
		"braces of maps nest":                        {`"${ {'a': {'b': 1}}.a }"`, `{"b":1}`},
		"braces in strings do not count":             {`"${ {\"a\": \"}\"}.a }"`, `"}"`},
		"braces in single quotes do not count":       {`"${'{' + \"}\"}"`, `"{}"`},
		"braces in triple quotes do not count":       {`"${'''}'}''' + \"\"\"}\"\"\"}"`, `"}'}}"`},
		"an escaped quote does not end a string":     {`"${'\\'}'}"`, `"'}"`},
		"a backslash ends a raw string":              {`"${r'}\\'}"`, `"}\\"`},
		"raw bytes are raw as well":                  {`"${string(bR'}\\')}"`, `"}\\"`},
		"a name that ends in r makes no raw string":  {`"${ [1].exists(r, r == 1) ? '\\'}' : '' }"`, `"'}"`},
		"a comment ends with its line":               {`"${ 1 // }'\n + 1 }"`, `2`},
		"an output of an earlier step":               {`"${steps['reserve-inventory'].output.reservationId}"`, `"r-81"`},
		"an output that is absent, with a default":   {`"${steps['charge-payment'].?output.?id.orValue('none')}"`, `"none"`},
		"an output that is there, with a default":    {`"${steps['reserve-inventory'].?output.?reservationId.orValue('')}"`, `"r-81"`},
		"asking whether a step has output":           {`"${has(steps['charge-payment'].output)}"`, `false`},
		"all about the saga":                         {`"${saga.namespace}/${saga.name} ${saga.uid} ${saga.idempotencyKey} ${saga.businessKey}"`, `"shop/order-17 u-1 prod/shop/order-17 o-17"`},
		"a map is walked in the order of its keys":   {`"${params.address.map(k, k)}"`, `["city","zip"]`},
		"so is a map that an expression makes":       {`"${ {'e': 1, 'd': 2, 'c': 3, 'b': 4, 'a': 5}.map(k, k) }"`, `["a","b","c","d","e"]`},
		"lists are mapped":                           {`"${params.lines.map(l, {'sku': l.sku, 'n': l.quantity * 2})}"`, `[{"n":4,"sku":"tea"},{"n":2,"sku":"cup"}]`},
		"the extensions are there":                   {`["${params.lines.map(l, l.sku).join('+').upperAscii()}", "${math.greatest(1, 2)}", "${sets.contains([1, 2], [2])}", "${[3, 1].sort()}"]`, `["TEA+CUP",2,true,[1,3]]`},
		"patterns":                                   {`["${params.address.zip.matches('[0-9]{2}-[0-9]{3}')}", "${'a'.matches(params.note == null ? 'a{2}' : '')}", "${matches('ab', 'b$')}"]`, `[true,false,true]`},
		"formatting":                                 {`"${'%s has %d'.format([params.orderId, params.quantity])}"`, `"o-17 has 3"`},
		"times are computed with":                    {`"${string(timestamp('2026-01-01T23:00:00+02:00') + duration('1h'))}"`, `"2026-01-02T00:00:00+02:00"`},
		"an object with an optional member":          {`"${ {?'note': params.?remark, 'id': 1} }"`, `{"id":1}`},
		"a list put together is one list":            {`"${[1] + [2] + params.lines.map(l, l.quantity)}"`, `[1,2,2,1]`},
		"lone surrogates become replacement letters": {`"\ud800 ${params.orderId}"`, "\"� o-17\""},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := c.Compile([]byte(test.raw), order)
			if err != nil {
				t.Fatalf("Compile: %v", err)
			}
			for range 3 { // the same values give the same bytes
				got, err := template.Render(orderValues)
				if err != nil {
					t.Fatalf("Render: %v", err)
				}
				if string(got) != test.want {
					t.Fatalf("rendered\n  %s\nwant\n  %s", got, test.want)
				}
			}
		})
	}
}

func TestRenderRefuses(t *testing.T) {
	tests := map[string]struct {
		raw  string
		want string
		is   error
	}{
		"a missing parameter":           {raw: `{"a": ["${params.missing}"]}`, want: "a[0]: 1:7: no such key: missing: where it may be absent, write .?missing and end with .orValue(…)"},
		"a step without output":         {raw: `"${steps['charge-payment'].output.id}"`, want: "1:31: no such key: output: where it may be absent, write .?output and end with .orValue(…)"},
		"an item that is not there":     {raw: `"${params.lines[5].sku}"`, want: "1:16: index out of bounds: 5"},
		"a pattern that is no RE2":      {raw: `"${'a'.matches(params.orderId + '(?=x)')}"`, want: "1:12: the pattern is not RE2: invalid or unsupported Perl syntax: `(?=`"},
		"a division by zero":            {raw: `"${1 / 0}"`, want: "1:3: division by zero"},
		"values that do not fit":        {raw: `"${params.orderId * 2}"`, want: "1:16: the operation does not take values of these types"},
		"a double in a longer string":   {raw: `"${params.weight} kg"`, want: "a double cannot stand in a text: convert it with string(…)"},
		"null in a longer string":       {raw: `{"a": "x${params.note}"}`, want: "a: null cannot stand in a text: say what to write in its place"},
		"an object in a longer string":  {raw: `"x${params.address}"`, want: "a map cannot stand in a text: only string, int and bool can"},
		"a number that is none":         {raw: `"${0.0 / 0.0}"`, want: "gives NaN, which JSON does not have"},
		"an infinite number":            {raw: `"${-1.0 / 0.0}"`, want: "gives -Inf, which JSON does not have"},
		"a timestamp known only now":    {raw: `"${dyn(timestamp('2026-01-01T00:00:00Z'))}"`, want: "gives a timestamp, which JSON does not have: convert it with string(…)"},
		"bytes known only now":          {raw: `"${[dyn(b'x')]}"`, want: "gives bytes, which JSON does not have: convert them with string(…)"},
		"a bytes known only now, mixed": {raw: `"x${dyn(b'x')}"`, want: "gives bytes, which JSON does not have: convert them with string(…)"},
		"keys that are no strings":      {raw: `"${dyn({1: 2})}"`, want: "gives a map whose keys are not all strings, which JSON does not have: convert them with string(…)"},
		"an optional known only now":    {raw: `"${dyn(params.?orderId)}"`, want: "gives an optional value: say with .orValue(…) what it is when there is none"},
		"a result beyond its bound":     {raw: `"${lists.range(1000).map(i, '0123456789012345678901234567890')}"`, want: "renders to 34001 bytes, at most 16384 are allowed", is: ErrTooLarge},
		"a long way":                    {raw: `{"n": "${lists.range(500).map(i, lists.range(100).map(j, i * j)).size()}"}`, want: "n: " + costText, is: ErrCost},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := c.Compile([]byte(test.raw), order)
			if err != nil {
				t.Fatalf("Compile: %v", err)
			}
			_, err = template.Render(orderValues)
			assertError(t, err, test.want, ErrRender, test.is)
		})
	}
}

func TestAResultFarBeyondItsBoundIsNotCountedToTheEnd(t *testing.T) {
	const copies = `"${lists.range(39).map(i, params.long)}"`
	template, err := compiler(t).Compile([]byte(`[`+copies+`,`+copies+`,`+copies+`]`), order)
	if err != nil {
		t.Fatal(err)
	}
	_, err = template.Render(long)
	assertError(t, err, "renders to more than 1048576 bytes, at most 16384 are allowed", ErrRender, ErrTooLarge)
}

// long holds a parameter that is as long as parameters may be.
var long = Values{Params: []byte(`{"long": "` + strings.Repeat("a", 16000) + `"}`)}

func TestALongListIsPassedOnButNotWorkedOn(t *testing.T) {
	const refused = "a list or map of more than 2000 elements can be passed on, but not worked on"
	tests := map[string]struct {
		expression, want, refused string
	}{
		"it is passed on":            {expression: "params.list", want: "[" + strings.Repeat("7,", 2000) + "7]"},
		"it is indexed":              {expression: "params.list[2000]", want: "7"},
		"it has a size":              {expression: "size(params.list)", want: "2001"},
		"it is compared":             {expression: "params.list == params.list", want: "true"},
		"it is searched":             {expression: "8 in params.list", want: "false"},
		"a part of it is worked on":  {expression: "params.list.slice(0, 2).map(x, x + 1)", want: "[8,8]"},
		"it is not mapped":           {expression: "params.list.map(x, x)", refused: refused},
		"it is not put together":     {expression: "params.list + [1]", refused: refused},
		"it is not made from a text": {expression: "params.text.split('')", refused: refused},
	}
	values := Values{Params: []byte(`{"list": [` + strings.Repeat("7,", 2000) + `7], "text": "` + strings.Repeat("a", 3000) + `"}`)}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := c.Compile([]byte(`"${`+test.expression+`}"`), order)
			if err != nil {
				t.Fatal(err)
			}
			got, err := template.Render(values)
			if test.refused != "" {
				assertError(t, err, test.refused, ErrRender)
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("rendered %s, %v", clip(string(got), 80), err)
			}
		})
	}
}

const costText = "evaluating costs more than the limit of 500000 units: make the expression simpler, or give it less data"

const bareCostText = "evaluating costs more than the limit of 100000 units: make the expression simpler, or give it less data"

func TestRenderRefusesValuesThatAreNoObjects(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	tests := map[string]struct {
		values Values
		want   string
	}{
		"parameters that are no JSON":   {Values{Params: []byte("{")}, "params is no valid JSON"},
		"parameters that are a list":    {Values{Params: []byte("[]")}, "params is no JSON object"},
		"parameters that are too deep":  {Values{Params: []byte(deep)}, "params is nested too deeply, at most 64 levels are allowed"},
		"an output that is no JSON":     {Values{Outputs: map[string][]byte{"charge-payment": []byte("no")}}, `the output of step "charge-payment" is no valid JSON`},
		"an output with a huge number":  {Values{Outputs: map[string][]byte{"charge-payment": []byte(`{"n":1e999}`)}}, `the output of step "charge-payment" holds the number 1e999, which is out of range`},
		"an output of a step not named": {Values{Outputs: map[string][]byte{"other": []byte(`no`)}}, ""},
	}
	template, err := compiler(t).Compile([]byte(`["${params.?a.orValue(1)}", "${steps['charge-payment'].?output.orValue(2)}"]`), order)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := template.Render(test.values)
			if test.want == "" {
				if err != nil || string(got) != "[1,2]" {
					t.Fatalf("rendered %s, %v", got, err)
				}
				return
			}
			assertError(t, err, test.want, ErrRender)
		})
	}
}

// Most of these would take hours, or all memory, where only CEL's own cost limit stood in the way: the test would not end.
func TestExpressionsThatExplodeEndSoon(t *testing.T) {
	double := strings.Repeat(".optMap(x, x + x)", 40)
	nest := func(times int) string { return strings.Repeat(".optMap(x, [x, x])", times) }
	tests := map[string]string{
		"a string that doubles":               `optional.of('0123456789')` + double + `.orValue('')`,
		"a list that doubles":                 `optional.of([1, 2])` + double + `.orValue([])`,
		"a list of shared lists":              `optional.of([1])` + nest(40) + `.orValue([])`,
		"comparing shared lists":              `optional.of([1])` + nest(14) + `.optMap(x, lists.range(100).map(i, lists.range(100).map(j, x == x))).orValue([])`,
		"replacing each letter by many":       `params.long.replace('a', params.long)`,
		"joining with a long separator":       `params.long.split('').join(params.long)`,
		"formatting the same many times":      `params.long.replace('a', '%s').format(lists.range(1000).map(i, params.long))`,
		"a pattern made of a parameter":       `params.long.matches(params.long)`,
		"searching a long part":               `params.long.indexOf(params.long.substring(1) + 'b')`,
		"sets of many":                        `sets.contains(params.long.split(''), params.long.split(''))`,
		"distinct of many":                    `params.long.split('').map(c, [c]).distinct()`,
		"three comprehensions in one another": `lists.range(100).all(a, lists.range(100).all(b, lists.range(100).all(c, a + b + c >= 0)))`,
	}
	c := compiler(t)
	for name, expression := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := c.Compile([]byte(`"${`+expression+`}"`), order)
			if err != nil {
				t.Fatalf("Compile: %v", err)
			}
			if out, err := template.Render(long); !errors.Is(err, ErrRender) {
				t.Errorf("rendered %d bytes, %v; want it refused", len(out), err)
			}
		})
	}
}

func TestNumbersOfJSONAreIntsWhereTheyAreWhole(t *testing.T) {
	tests := map[string]struct {
		text string
		want any
	}{
		"an int":                    {"3", types.Int(3)},
		"a fraction of zero":        {"3.0", types.Int(3)},
		"an exponent":               {"1e3", types.Int(1000)},
		"the largest int":           {"9223372036854775807", types.Int(math.MaxInt64)},
		"the smallest int":          {"-9223372036854775808", types.Int(math.MinInt64)},
		"one more than the largest": {"9223372036854775808", types.Double(1 << 63)},
		"a fraction":                {"2.5", types.Double(2.5)},
		"too small for a double":    {"1e-999", types.Int(0)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := number(test.text)
			if err != nil || got != test.want {
				t.Errorf("number(%s) = %v (%T), %v; want %v", test.text, got, got, err, test.want)
			}
		})
	}
}

func TestATemplateIsRenderedByManyAtOnce(t *testing.T) {
	template, err := compiler(t).Compile([]byte(`{"a": "${params.lines.map(l, l.sku)}", "b": "${saga.name}-${params.n}"}`), order)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			n := string(rune('0' + i))
			want := `{"a":["s` + n + `"],"b":"x-` + n + `"}`
			for range 200 {
				v := Values{Params: []byte(`{"n":` + n + `,"lines":[{"sku":"s` + n + `"}]}`), Saga: map[string]string{"name": "x"}}
				if got, err := template.Render(v); err != nil || string(got) != want {
					t.Errorf("rendered %s, %v; want %s", got, err, want)
					return
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkRenderThreeFields(b *testing.B) {
	raw := []byte(`{"orderId": "${params.orderId}", "lines": "${params.lines}", "key": "${saga.name}-${params.quantity}"}`)
	template, err := compiler(b).Compile(raw, order)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := template.Render(orderValues); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompileThreeFields(b *testing.B) {
	raw := []byte(`{"orderId": "${params.orderId}", "lines": "${params.lines}", "key": "${saga.name}-${params.quantity}"}`)
	c := compiler(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Compile(raw, order); err != nil {
			b.Fatal(err)
		}
	}
}
