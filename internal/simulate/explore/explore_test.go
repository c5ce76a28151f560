package explore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

// sequence makes a definition of compensatable steps a, b, …, then as edit says.
func sequence(steps int, edit ...func(*v1alpha1.SagaDefinitionSpec)) v1alpha1.SagaDefinitionSpec {
	def := v1alpha1.SagaDefinitionSpec{}
	for i := range steps {
		def.Steps = append(def.Steps, v1alpha1.Step{
			Name: string(rune('a' + i)), Participant: "service", Recovery: v1alpha1.RecoveryCompensatable,
			Action: &v1alpha1.Action{Command: "do"}, Compensation: &v1alpha1.Compensation{Command: "undo"},
		})
	}
	for _, e := range edit {
		e(&def)
	}
	return def
}

func withPivot(def *v1alpha1.SagaDefinitionSpec) {
	n := len(def.Steps)
	def.Steps[n-2].Recovery, def.Steps[n-2].Compensation = v1alpha1.RecoveryPivot, nil
	def.Steps[n-1].Recovery, def.Steps[n-1].Compensation = v1alpha1.RecoveryRetriable, nil
}

func caseOf(t testing.TB, def v1alpha1.SagaDefinitionSpec) Case {
	t.Helper()
	x, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.Compile(def, x)
	if err != nil {
		t.Fatal(err)
	}
	return Case{Definition: def, Program: p, Saga: engine.Saga{Namespace: "shop", Name: "sample", IdempotencyKey: "i/shop/sample", BusinessKey: "sample"}}
}

func show(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs, longest %s\n", r.Runs, r.Longest)
	for _, e := range r.Ends {
		fmt.Fprintf(&b, "%s %s: %d runs, %s\n  %s\n", e.Phase, e.Detail, e.Runs, e.Longest, strings.Join(e.Trace, "\n  "))
	}
	return b.String()
}

func TestSixStepsAreProvedInPairsWithinFiveSeconds(t *testing.T) {
	start := time.Now()
	r := Explore(caseOf(t, sequence(6, withPivot)), Options{Faults: 2})
	t.Logf("%s\n%s", time.Since(start), show(r))
	if b := r.Breaches(); len(b) > 0 {
		t.Error(b[0])
	}
}
