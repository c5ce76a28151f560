package expr

import (
	"errors"
	"strings"
	"testing"
)

func TestCompileRefuses(t *testing.T) {
	long := strings.Repeat("1+", MaxExpression/2) + "1"
	tests := map[string]struct {
		raw   string
		scope Scope
		want  string
		is    error
	}{
		"JSON that does not end":              {raw: `{"a": `, want: "is no valid JSON"},
		"two JSON values":                     {raw: `{} {}`, want: "is no valid JSON"},
		"a number beyond all bounds":          {raw: `{"n": 1e400}`, want: "n: holds the number 1e400, which is out of range"},
		"a template beyond its bound":         {raw: `"` + strings.Repeat("x", MaxTemplate) + `"`, want: "is 32770 bytes of JSON, at most 32768 are allowed", is: ErrTooLarge},
		"nesting beyond its bound":            {raw: strings.Repeat("[", 70) + strings.Repeat("]", 70), want: strings.Repeat("[0]", 65) + ": is nested too deeply, at most 64 levels are allowed"},
		"an expression beyond its bound":      {raw: `"${` + long + `}"`, want: "the expression is 4097 bytes, at most 4096 are allowed"},
		"too many expressions":                {raw: `"` + strings.Repeat("${1}", 257) + `"`, want: "too many expressions, at most 256 are allowed in one value"},
		"an empty expression":                 {raw: `{"a": "${ }"}`, want: "a: the expression is empty: write one between ${ and }, or $${ for a literal ${"},
		"an expression that does not end":     {raw: `"id ${params.x"`, want: "no } closes the ${ at character 4: close it, or write $${ for a literal ${"},
		"a string that does not end":          {raw: `"${'}"`, want: "no } closes the ${ at character 1: close it, or write $${ for a literal ${"},
		"a syntax error, with its place":      {raw: `{"lines": [{"sku": "${1 +}"}]}`, want: "lines[0].sku: 1:4: the expression ends too early"},
		"a bracket that is not closed":        {raw: `"${(1 + 2}"`, want: "1:7: the expression ends too early: ) is missing"},
		"an assignment":                       {raw: `"${params.x = 1}"`, want: "1:10: = is no operator: compare with == (and 1 more)"},
		"an and of bits":                      {raw: `"${params.x & 1}"`, want: "1:10: & is no operator: write && (and 1 more)"},
		"a place in a later line":             {raw: `"${1 +\n  foo}"`, want: "2:3: undeclared reference to 'foo'; there are params, steps and saga"},
		"an unknown variable":                 {raw: `{"orderId": "${param.orderId}"}`, want: "orderId: 1:1: undeclared reference to 'param'; there are params, steps and saga"},
		"a key that reads badly":              {raw: `{"a b": "${x}"}`, want: `["a b"]: 1:1: undeclared reference to 'x'; there are params, steps and saga`},
		"types that do not fit":               {raw: `"${'a' + 1}"`, want: "1:5: found no matching overload for '_+_' applied to '(string, int)'"},
		"an unknown field of saga":            {raw: `"${saga.phase}"`, want: `1:1: saga has no field "phase": it has name, namespace, uid, idempotencyKey, businessKey`},
		"a clock":                             {raw: `"${now()}"`, want: "1:4: undeclared reference to 'now'; there are params, steps and saga"},
		"a time zone of the machine":          {raw: `"${timestamp('2026-01-01T00:00:00Z').getHours('Europe/Warsaw')}"`, want: "1:43: found no matching overload for 'getHours' applied to 'timestamp.(string)'"},
		"a timestamp as result":               {raw: `"${timestamp('2026-01-01T00:00:00Z')}"`, want: "1:1: gives a timestamp, which JSON does not have: convert it with string(…)"},
		"a duration as result":                {raw: `"${duration('1s')}"`, want: "1:1: gives a duration, which JSON does not have: convert it with string(…)"},
		"bytes as result":                     {raw: `"${[b'x']}"`, want: "1:1: gives bytes, which JSON does not have: convert them with string(…)"},
		"an optional as result":               {raw: `"${params.?note}"`, want: "1:1: gives an optional value: say with .orValue(…) what it is when there is none"},
		"a type as result":                    {raw: `"${type(1)}"`, want: "1:1: gives a type, which JSON does not have"},
		"keys that are no strings":            {raw: `"${{1: 2}}"`, want: "1:1: gives a map whose keys are not all strings, which JSON does not have: convert them with string(…)"},
		"a double in a longer string":         {raw: `"${1.5} kg"`, want: "1:1: a double cannot stand in a text: convert it with string(…)"},
		"a list in a longer string":           {raw: `"all: ${[1]}"`, want: "1:1: a list cannot stand in a text: only string, int and bool can"},
		"a pattern that is no RE2":            {raw: `"${params.orderId.matches('(?=x)')}"`, want: "1:24: the pattern is not RE2, or larger than 500 instructions"},
		"a pattern that is larger":            {raw: `"${params.orderId.matches('(abc){200}')}"`, want: "the pattern compiles to 1002 instructions, at most 500 are allowed"},
		"a pattern that is far too large":     {raw: `"${params.orderId.matches('(a{100}){100}')}"`, want: "1:24: the pattern is not RE2, or larger than 500 instructions"},
		"nine comprehensions in a chain":      {raw: `"${[1]` + strings.Repeat(".map(a, a)", 9) + `}"`, want: "1:8: more than 8 comprehensions (map, filter, all, exists) stand inside each other or in a chain"},
		"a variable that hides one of ours":   {raw: `"${params.lines.map(steps, steps.sku)}"`, want: "1:17: a variable cannot be named steps here: choose another name"},
		"a protobuf message":                  {raw: `"${google.protobuf.Struct{}}"`, want: "1:23: messages are not supported: write a map, as in {'key': value}"},
		"a later step":                        {raw: `{"id": "${steps['create-shipment'].output.id}"}`, want: `id: 1:1: step "create-shipment" is not done yet when this is evaluated; readable here: reserve-inventory, charge-payment`, is: ErrReference},
		"a later step, where none is earlier": {raw: `"${steps.announce.output.id}"`, scope: Scope{All: order.All}, want: `1:1: step "announce" is not done yet when this is evaluated; no output can be read here`, is: ErrReference},
		"an earlier step of another branch":   {raw: `"${steps['reserve-inventory'].output.id}"`, scope: Scope{All: order.All, Steps: []string{"charge-payment"}, Aside: []string{"reserve-inventory"}}, want: `1:1: this does not wait for step "reserve-inventory": add it to dependsOn; readable here: charge-payment`, is: ErrReference},
		"an unknown step":                     {raw: `"id: ${ steps.shipment.output.id }"`, want: `1:2: there is no step "shipment"; readable here: reserve-inventory, charge-payment`, is: ErrReference},
		"a dash after a dot":                  {raw: `"${steps.reserve-inventory.output.id}"`, want: `1:1: there is no step "reserve": write a name with a dash as steps['reserve-inventory'].output`, is: ErrReference},
		"a step that is computed":             {raw: `"${steps[params.x].output.id}"`, want: "1:1: a step must be named by a literal string: write steps['reserve-inventory'].output", is: ErrReference},
		"all steps at once":                   {raw: `"${size(steps)}"`, want: "1:6: steps can only be read one by one: write steps['reserve-inventory'].output", is: ErrReference},
		"a step without its output":           {raw: `"${steps['charge-payment'].state}"`, want: "1:1: a step has nothing but its output: write steps['charge-payment'].output", is: ErrReference},
		"the second of two references":        {raw: `"${steps['charge-payment'].output.x + steps.x.output.y}"`, want: `1:36: there is no step "x"; readable here: reserve-inventory, charge-payment`, is: ErrReference},
		"a reference behind a leading dot":    {raw: `"${.steps.x.output.y}"`, want: `1:2: there is no step "x"; readable here: reserve-inventory, charge-payment`, is: ErrReference},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			scope := test.scope
			if scope.All == nil {
				scope = order
			}
			_, err := c.Compile([]byte(test.raw), scope)
			assertError(t, err, test.want, ErrCompile, test.is)
		})
	}
}

func TestACompensationReadsItsOwnOutputThroughOptionalsOnly(t *testing.T) {
	const write = "write steps['charge-payment'].?output.?field.orValue('')"
	const refused = "a compensation also runs after its own step gave no output: " + write
	tests := map[string]struct{ expression, want string }{
		"an optional field with a default is accepted":     {expression: "steps['charge-payment'].?output.?id.orValue('')"},
		"an optional output with a default is accepted":    {expression: "steps['charge-payment'].?output.orValue({})"},
		"an optional index is accepted":                    {expression: "steps[?'charge-payment'].output.id.orValue('')"},
		"mapping the optional is accepted":                 {expression: "steps['charge-payment'].?output.?id.optMap(i, i + '!').orValue('')"},
		"asking whether there is a value is accepted":      {expression: "steps['charge-payment'].?output.?id.hasValue()"},
		"an earlier step is read as ever":                  {expression: "steps['reserve-inventory'].output.reservationId"},
		"a plain selection is refused":                     {expression: "steps['charge-payment'].output.id", want: "1:1: " + refused},
		"an optional after the plain selection is refused": {expression: "steps['charge-payment'].output.?id.orValue('')", want: "1:1: " + refused},
		"the step itself is refused":                       {expression: "steps['charge-payment']", want: "1:1: " + refused},
		"a presence test is refused":                       {expression: "has(steps['charge-payment'].output)", want: "1:5: " + refused},
		"value() is refused": {expression: "steps['charge-payment'].?output.?id.value()",
			want: "1:1: a compensation also runs after its own step gave no output, where value() fails: " + write},
		"a later step is refused": {expression: "steps['announce'].?output.?id.orValue('')",
			want: `1:1: step "announce" is not done yet when this is evaluated; readable here: reserve-inventory`},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Compile([]byte(`"${`+test.expression+`}"`), undoCharge)
			if test.want == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			assertError(t, err, test.want, ErrCompile, ErrReference)
		})
	}
}

func TestInPutsAPathBeforeTheErrorsOwn(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"a field":   {`{"orderId": "${x}"}`, "steps[2].action.input.orderId: 1:1: "},
		"an item":   {`["${x}"]`, "steps[2].action.input[0]: 1:1: "},
		"the whole": {`"${x}"`, "steps[2].action.input: 1:1: "},
	}
	c := compiler(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Compile([]byte(test.raw), order)
			var located interface{ In(path string) error }
			if !errors.As(err, &located) {
				t.Fatalf("%v (%T) has no path to extend", err, err)
			}
			want := test.want + "undeclared reference to 'x'; there are params, steps and saga"
			assertError(t, located.In("steps[2].action.input"), want, ErrCompile)
		})
	}
}

// assertError fails the test unless err reads as want and matches all sentinels but nil.
func assertError(t *testing.T, err error, want string, sentinels ...error) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if err.Error() != want {
		t.Errorf("error is\n  %s\nwant\n  %s", err, want)
	}
	for _, s := range sentinels {
		if s != nil && !errors.Is(err, s) {
			t.Errorf("error %q does not match %q", err, s)
		}
	}
}
