package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// asTheyShould are all sagas of the samples, ended as they should.
func asTheyShould() []v1alpha1.Saga {
	var sagas []v1alpha1.Saga
	for _, name := range slices.Sorted(maps.Keys(sampleEndings)) {
		want := sampleEndings[name]
		s := v1alpha1.Saga{}
		s.Name, s.Status.Phase = name, want.phase
		s.Status.Steps = []v1alpha1.StepStatus{{Name: want.step, State: want.state}}
		if want.outputs != "" {
			s.Status.Outputs = &runtime.RawExtension{Raw: []byte("{" + want.outputs)}
		}
		sagas = append(sagas, s)
	}
	return sagas
}

func TestSamplesThatEndOtherwiseFailTheDemo(t *testing.T) {
	if err := checkSamples(asTheyShould()); err != nil {
		t.Errorf("all ended as they should, and it said %v", err)
	}
	for name, r := range map[string]struct {
		saga   string
		change func(*v1alpha1.Saga)
		want   string
	}{
		"another phase": {"trip-2002", func(s *v1alpha1.Saga) { s.Status.Phase = v1alpha1.PhaseCompleted }, "trip-2002 is Completed"},
		"another state of the step that tells the story": {
			"trip-2003", func(s *v1alpha1.Saga) { s.Status.Steps[0].State = v1alpha1.StepSucceeded }, `its step "book-car" Succeeded; expected Completed, and Failed`,
		},
		"no such step":  {"transfer-4003", func(s *v1alpha1.Saga) { s.Status.Steps = nil }, `its step "hold" NotStarted`},
		"other outputs": {"trip-2003", func(s *v1alpha1.Saga) { s.Status.Outputs = nil }, `trip-2003 has the outputs ; expected "car":"none"`},
	} {
		t.Run(name, func(t *testing.T) {
			sagas := asTheyShould()
			i := slices.IndexFunc(sagas, func(s v1alpha1.Saga) bool { return s.Name == r.saga })
			r.change(&sagas[i])
			if err := checkSamples(sagas); err == nil || !strings.Contains(err.Error(), r.want) {
				t.Errorf("it said %v, want %q", err, r.want)
			}
		})
	}
}

func TestBooksThatDoNotFitFailTheDemo(t *testing.T) {
	var all []deeds
	for name, want := range sampleEndings {
		all = append(all, deeds{Subject: name, Done: strings.Fields(want.stays)})
	}
	if err := judgeDeeds(all); err != nil {
		t.Errorf("all books fit, and it said %v", err)
	}
	i := slices.IndexFunc(all, func(d deeds) bool { return d.Subject == "trip-2002" })
	all[i].Done = []string{"flight.book"}
	if err := judgeDeeds(all); err == nil || !strings.Contains(err.Error(), `trip-2002, and did not undo, is "flight.book"; expected ""`) {
		t.Errorf("a flight of a trip that was undone is left, and it said %v", err)
	}
	if err := judgeDeeds(nil); err == nil || !strings.Contains(err.Error(), "delivery-3001") {
		t.Errorf("nothing was done at all, and it said %v", err)
	}
}

func TestWhatIsTypedCanBeTyped(t *testing.T) {
	if got := typed([]string{"approve", "x", "--reason", "it's a house"}); got != `approve x --reason 'it'\''s a house'` {
		t.Errorf("it is typed as %s", got)
	}
}
