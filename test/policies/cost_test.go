package policies

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// TestTheLargestSagaCanBeJudged changes as much at once as the schema takes: an expression that were too dear would refuse it.
func TestTheLargestSagaCanBeJudged(t *testing.T) {
	p := settled(t)
	const most = 64
	allWait := func(s *v1alpha1.SagaStatus) {
		s.Phase, s.StartTime = v1alpha1.PhaseNeedsIntervention, at(10)
		for i := range most {
			s.Steps = append(s.Steps, v1alpha1.StepStatus{
				Name: stepName(i), State: v1alpha1.StepNeedsIntervention, Action: exchange(v1alpha1.ExchangeUnknown, "Timeout"), Decision: 1,
			})
		}
	}
	decideAll := func(reason string) func(*v1alpha1.SagaSpec) {
		return func(s *v1alpha1.SagaSpec) {
			s.Resolutions = nil
			for i := range most {
				s.Resolutions = append(s.Resolutions, v1alpha1.Resolution{
					Step: stepName(i), Decision: 1, Action: v1alpha1.ResolutionMarkDone, By: strings.Repeat("b", 253), Reason: strings.Repeat(reason, 1024),
					Output: &runtime.RawExtension{Raw: []byte(`{"text":"` + strings.Repeat(reason, 1000) + `"}`)},
				})
			}
		}
	}
	saga := p.saga(allWait, decideAll("a"))
	changed := func(o *v1alpha1.Saga) { decideAll("b")(&o.Spec) }
	refusal(t, p.dry(admin, saga, changed), "")
	refusal(t, p.dry(edit, saga, changed), "resolve", needsResolve)
}

// stepName is as long as a step's name may be, and differs from others only at its end.
func stepName(i int) string { return fmt.Sprintf("%s%02d", strings.Repeat("s", 61), i) }
