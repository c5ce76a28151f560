package local

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// desk is a clock that stands and a broker that acknowledges what it is told to.
type desk struct {
	now    time.Time
	sent   []string // commands by id, once each; events that are sent once with a ! behind
	deaf   bool     // answers cannot be heard
	acked  bool
	toldOf []string
}

func (d *desk) Now() time.Time                            { return d.now }
func (d *desk) ReadableSince() (time.Time, bool)          { return d.now, !d.deaf }
func (d *desk) HeardUntil() time.Time                     { return d.now }
func (d *desk) Announced(*Saga, engine.Announcement) bool { return d.acked }
func (d *desk) Once(_ *Saga, c engine.Command) error {
	d.sent = append(d.sent, c.Key()+"!")
	return nil
}
func (d *desk) decided(s *Saga) { d.toldOf = append(d.toldOf, string(s.Phase())) }
func (d *desk) Acknowledged(_ *Saga, _ engine.Command) (time.Time, bool) {
	return d.now.Add(-time.Minute), d.acked
}

func (d *desk) Offer(_ *Saga, commands []engine.Command, _ *engine.Announcement) error {
	for _, c := range commands {
		if !slices.Contains(d.sent, c.Key()) {
			d.sent = append(d.sent, c.Key())
		}
	}
	return nil
}

func start(t *testing.T, d *desk, def v1alpha1.SagaDefinitionSpec, params string) (*Runner, *Saga) {
	t.Helper()
	r, err := NewRunner(Options{Installation: "test", Clock: d, Outbox: d, Ear: d, Decided: d.decided})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Start(&v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "n", UID: "u"},
		Spec:       v1alpha1.SagaSpec{Params: &runtime.RawExtension{Raw: []byte(params)}},
	}, def)
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func action(name string) v1alpha1.Step {
	return v1alpha1.Step{Name: name, Participant: "p", Action: &v1alpha1.Action{Command: "do"}, Compensation: &v1alpha1.Compensation{Command: "undo"}}
}

func publish(name string, delivery v1alpha1.DeliveryPolicy) v1alpha1.Step {
	return v1alpha1.Step{Name: name, Participant: "p", Recovery: v1alpha1.RecoveryRetriable, Publish: &v1alpha1.Publish{Event: "done", Delivery: delivery}}
}

func TestASagaThatCannotRunIsRejectedAndSendsNothing(t *testing.T) {
	schema := &runtime.RawExtension{Raw: []byte(`{"type":"object","required":["id"]}`)}
	broken := action("a")
	broken.Action.Input = &runtime.RawExtension{Raw: []byte(`{"x":"${params.}"}`)}
	for reason, c := range map[string]struct {
		def    v1alpha1.SagaDefinitionSpec
		params string
	}{
		v1alpha1.ReasonInvalidParameters: {v1alpha1.SagaDefinitionSpec{Parameters: schema, Steps: []v1alpha1.Step{action("a")}}, `{}`},
		v1alpha1.ReasonInvalidExpression: {v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{broken}}, `{}`},
		v1alpha1.ReasonInvalidDefinition: {v1alpha1.SagaDefinitionSpec{}, `{}`},
	} {
		d := &desk{now: time.Unix(1_800_000_000, 0)}
		_, s := start(t, d, c.def, c.params)
		got, message := s.Rejection()
		if got != reason || message == "" || s.Phase() != v1alpha1.PhaseRejected || !s.Ended() || len(d.sent) > 0 {
			t.Errorf("it is %s, %s %q, and sent %v; not %s", s.Phase(), got, message, d.sent, reason)
		}
	}
}

func TestWhatTheBrokerHasAcknowledgedLeadsOn(t *testing.T) {
	d := &desk{now: time.Unix(1_800_000_000, 0)}
	r, s := start(t, d, v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{publish("one", ""), publish("two", v1alpha1.DeliveryAtMostOnce)}}, `{}`)
	if s.Ended() || !slices.Equal(d.sent, []string{"one/forward/1/1"}) {
		t.Fatalf("before the broker has the event it is %s, and sent %v", s.Phase(), d.sent)
	}
	d.acked = true
	if _, err := r.Turn(s); err != nil {
		t.Fatal(err)
	}
	if want := []string{"one/forward/1/1", "two/forward/1/1!"}; s.Phase() != v1alpha1.PhaseCompleted || !slices.Equal(d.sent, want) {
		t.Errorf("it is %s, and sent %v, not %v", s.Phase(), d.sent, want)
	}
	if last := d.toldOf[len(d.toldOf)-1]; last != string(v1alpha1.PhaseCompleted) {
		t.Errorf("it told of %v", d.toldOf)
	}
}

func TestSilenceCountsOnlyWhereAnswersCanBeHeard(t *testing.T) {
	d := &desk{now: time.Unix(1_800_000_000, 0), deaf: true, acked: true}
	r, s := start(t, d, v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{action("a")}}, `{}`)
	if _, ok := r.Due(s); ok || s.Step("a").Action.Unanswered != 0 {
		t.Fatalf("an attempt ran out that nobody could hear answered: %+v", s.Step("a").Action)
	}
	d.deaf = false
	if due, ok := r.Due(s); !ok || !due.Equal(d.now.Add(30*time.Second)) {
		t.Errorf("it is due at %s (%t): its time begins when it can be heard", due, ok)
	}
}
