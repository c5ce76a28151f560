package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func stepIn(name string, state v1alpha1.StepState, action, compensation *v1alpha1.Exchange) v1alpha1.StepStatus {
	return v1alpha1.StepStatus{Name: name, State: state, Action: action, Compensation: compensation}
}

func declined() order {
	return order{
		name: "order-2", customer: "Zoë Ö.", total: "59.70 EUR", order: v1alpha1.OrderProcessing, saga: v1alpha1.PhaseCompensating,
		steps: []v1alpha1.StepStatus{
			stepIn("reserve", v1alpha1.StepCompensating, &v1alpha1.Exchange{Attempt: 1}, &v1alpha1.Exchange{Attempt: 2}),
			stepIn("charge", v1alpha1.StepFailed, &v1alpha1.Exchange{Attempt: 1, Code: "CARD_DECLINED"}, nil),
			stepIn("ship", v1alpha1.StepNotStarted, nil, nil),
		},
	}
}

func TestTheTableLinesUpItsColumns(t *testing.T) {
	waiting := order{name: "order-10", customer: "Ada", total: "1 EUR", order: v1alpha1.OrderPending}
	want := []string{
		"ORDER     CUSTOMER  TOTAL      ORDER IS    SAGA IS       RESERVE          CHARGE                SHIP",
		"order-10  Ada       1 EUR      Pending     -",
		"order-2   Zoë Ö.    59.70 EUR  Processing  Compensating  Compensating #2  Failed CARD_DECLINED  -",
	}
	if diff := cmp.Diff(want, table([]order{waiting, declined()})); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestALineTellsAllOfAnOrder(t *testing.T) {
	want := "order-2  Zoë Ö.  59.70 EUR  order Processing, saga Compensating: reserve=Compensating #2 charge=Failed CARD_DECLINED ship=-"
	if got := line(declined()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOutsideATerminalEachChangeIsALine(t *testing.T) {
	var out strings.Builder
	s := newScreen(&out)
	o := declined()
	s.show([]order{o})
	s.show([]order{o})
	o.saga = v1alpha1.PhaseCompensated
	s.show([]order{o})
	if got := strings.Count(out.String(), "\n"); got != 2 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("want 2 plain lines for 2 states, got %d:\n%q", got, out.String())
	}
}

func TestInATerminalTheTableIsDrawnInPlace(t *testing.T) {
	var out strings.Builder
	s := newScreen(&out)
	s.width = func() int { return 20 }
	s.show([]order{declined()})
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("the first table erased something: %q", out.String())
	}
	for text := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(text, "\n"))); n > 19 {
			t.Errorf("a line of %d characters would be wrapped: %q", n, text)
		}
	}
	before := out.Len()
	s.show([]order{declined()})
	if out.Len() != before {
		t.Errorf("nothing changed, and %q was written", out.String()[before:])
	}
	s.say("hello")
	want := "\x1b[2A\r\x1b[Jhello\nORDER"
	if got := out.String()[before:]; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
	s.leave()
	before = out.Len()
	s.say("below")
	if got := out.String()[before:]; got != "below\n" {
		t.Errorf("a table that was left is drawn again: %q", got)
	}
}
