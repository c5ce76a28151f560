package policies

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/crew"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// shop is a place with everything that an order needs, set up by those whose business it is: an admin's participants, an
// editor's definition, the real manager with the operator's identity and roles, and the sample services.
type shop struct {
	*place
	crew *crew.Crew
	dir  string
}

// slow is how long the payment thinks: long enough to do something to an order that is on its way.
const slow = 2 * time.Second

func newShop(t *testing.T) *shop {
	t.Helper()
	p := settled(t)
	broker := kafkatest.Start(t)
	s := &shop{place: p, dir: t.TempDir()}
	s.crew = &crew.Crew{Dir: s.dir, Failed: func(cause error) { t.Error(cause) }}
	t.Cleanup(func() {
		s.crew.StopAll(10 * time.Second)
		if t.Failed() {
			s.showLogs()
		}
	})
	s.build()
	installation := kafkatest.Name("shop")
	topics := []string{wire.RepliesTopic(installation), wire.OutcomesTopic(installation), wire.DeadLettersTopic(installation), installation + ".order"}
	for _, name := range []string{"inventory", "payment", "shipping"} {
		topics = append(topics, installation+"."+name)
	}
	broker.CreateTopics(t, 1, topics...)
	s.describe(installation)
	s.start(installation, strings.Join(broker.Brokers, ","))
	return s
}

var programs struct {
	sync.Once
	err error
}

// build builds manager and services once for all tests, into the control plane's directory.
func (s *shop) build() {
	s.t.Helper()
	programs.Do(func() {
		cmd := exec.Command("go", "build", "-trimpath", "-o", s.plane.Dir()+"/", "./cmd/manager", "./cmd/sample-services")
		cmd.Dir, cmd.Env = s.root, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			programs.err = fmt.Errorf("building the programs: %w: %s", err, out)
		}
	})
	s.must(programs.err)
}

func (s *shop) showLogs() {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.log"))
	if err != nil {
		s.t.Log(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		s.t.Logf("%s (%v):\n%s", file, err, text[max(0, len(text)-4000):])
	}
}

// describe has admin make the participants and edit the definition.
func (s *shop) describe(prefix string) {
	s.t.Helper()
	for _, name := range []string{"inventory", "payment", "shipping", "order"} {
		participant := &v1alpha1.SagaParticipant{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: name}}
		if participant.Spec.Topics.Commands = prefix + "." + name; name == "order" {
			participant.Spec.Topics = v1alpha1.ParticipantTopics{Events: prefix + ".order"}
		}
		s.must(s.clients[admin].Create(s.t.Context(), participant))
	}
	sample := filepath.Join(s.root, "config", "samples", "order-fulfilment.yaml")
	if out, err := s.kubectlAs(s.t.Context(), edit, "", "apply", "-n", s.name, "-f", sample); err != nil {
		s.t.Fatal(out)
	}
}

// start starts services and manager. What the policy for topics permits is what this place needs, and no more.
func (s *shop) start(prefix, brokers string) {
	s.t.Helper()
	for name, latency := range map[string]time.Duration{"inventory": 0, "payment": slow, "shipping": 0} {
		args := []string{name, "--brokers", brokers, "--data", s.dir, "--commands-topic", prefix + "." + name, "--group", prefix + name, "--latency", latency.String()}
		if name == "inventory" {
			args = append(args, "--stock", "TEA-100=1000")
		}
		s.must(s.crew.Start(crew.Command{Name: name, Path: filepath.Join(s.plane.Dir(), "sample-services"), Args: args}))
	}
	policy, err := json.Marshal(map[string]any{"rules": []any{map[string]any{"namespaces": []string{s.name}, "topicPrefixes": []string{prefix + "."}}}})
	s.must(err)
	file := filepath.Join(s.dir, "topic-policy.yaml")
	s.must(os.WriteFile(file, policy, 0o600))
	s.must(s.crew.Start(crew.Command{Name: "manager", Path: filepath.Join(s.plane.Dir(), "manager"), Args: []string{
		"--kubeconfig", s.files[operator], "--leader-election-namespace", "saga-system", "--namespaces", s.name,
		"--installation", prefix, "--kafka-brokers", brokers, "--topic-policy-file", file, "--insecure-reply-token-key",
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0", "--log-format", "text",
	}}))
}

// order has edit make an order, and waits for its payment to be asked.
func (s *shop) order(name, method string) *v1alpha1.OrderWorkflow {
	s.t.Helper()
	order := newOrder()
	order.Namespace, order.Name, order.GenerateName, order.Spec.Payment.Method = s.name, name, "", method
	s.must(s.clients[edit].Create(s.t.Context(), order))
	eventually(s.t, "the payment to be asked", func() bool {
		saga := s.sagaNamed(name)
		return saga != nil && len(saga.Status.Steps) > 1 && saga.Status.Steps[1].Action != nil
	})
	return order
}

// sagaNamed returns a saga, or nil where it is gone.
func (s *shop) sagaNamed(name string) *v1alpha1.Saga {
	s.t.Helper()
	saga := &v1alpha1.Saga{}
	err := s.clients[root].Get(s.t.Context(), s.key(name), saga)
	if apierrors.IsNotFound(err) {
		return nil
	}
	s.must(err)
	return saga
}

// undone checks the books of the payment service: what was charged for an order was refunded.
func (s *shop) undone() {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), filepath.Join(s.plane.Dir(), "sample-services"), "books", "--data", s.dir).CombinedOutput()
	if err != nil {
		s.t.Errorf("the books: %v: %s", err, out)
	}
}

func (s *shop) nothingWasForbidden() {
	s.t.Helper()
	log, err := os.ReadFile(filepath.Join(s.dir, "manager.log"))
	s.must(err)
	for _, word := range []string{"is forbidden: User", "ValidatingAdmissionPolicy"} {
		if at := strings.Index(string(log), word); at >= 0 {
			s.t.Errorf("the manager was refused something: …%s", log[max(0, at-300):min(len(log), at+300)])
		}
	}
}

func TestTheManagerWorksUnderItsRolesAndPolicies(t *testing.T) {
	s := newShop(t)
	s.order("order-1", "tok_visa")
	s.order("order-2", "tok_declined")
	for name, want := range map[string]v1alpha1.OrderPhase{"order-1": v1alpha1.OrderCompleted, "order-2": v1alpha1.OrderCancelled} {
		order := &v1alpha1.OrderWorkflow{}
		eventually(t, fmt.Sprintf("%s to be %s", name, want), func() bool {
			s.must(s.clients[view].Get(t.Context(), s.key(name), order))
			return order.Status.Phase == want
		})
	}
	eventually(t, "the finalizers to go", func() bool {
		return len(s.sagaNamed("order-1").Finalizers)+len(s.sagaNamed("order-2").Finalizers) == 0
	})
	participant := &v1alpha1.SagaParticipant{}
	s.must(s.clients[view].Get(t.Context(), s.key("inventory"), participant))
	if !meta.IsStatusConditionTrue(participant.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the participant is not ready: %+v", participant.Status.Conditions)
	}
	// What has ended may be deleted by whoever may edit, and what nobody needs goes.
	s.must(s.clients[edit].Delete(t.Context(), &v1alpha1.OrderWorkflow{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "order-1"}}))
	eventually(t, "the order's saga to be collected", func() bool { return s.sagaNamed("order-1") == nil })
	s.must(s.clients[admin].Delete(t.Context(), participant))
	eventually(t, "the participant to go", func() bool {
		return apierrors.IsNotFound(s.clients[root].Get(t.Context(), s.key("inventory"), participant))
	})
	s.undone()
	s.nothingWasForbidden()
}

func TestAnOrderThatIsDeletedTakesItsRunningSagaAlong(t *testing.T) {
	s := newShop(t)
	order := s.order("order-1", "tok_visa")
	refusal(t, s.clients[edit].Delete(t.Context(), order), "orders", "the verb abort on orderworkflows.sagas.dev 'order-1'")
	refusal(t, s.clients[edit].Delete(t.Context(), s.sagaNamed("order-1")), "abort", "the verb abort on sagas.sagas.dev 'order-1'")
	s.must(s.clients[admin].Delete(t.Context(), order, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	eventually(t, "the saga to be collected and undone", func() bool { return s.sagaNamed("order-1") == nil })
	s.undone()
	s.nothingWasForbidden()
}

func TestANamespaceThatIsDeletedUndoesItsRunningSagas(t *testing.T) {
	s := newShop(t)
	s.order("order-1", "tok_visa")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.name}}
	s.must(s.clients[root].Delete(t.Context(), namespace))
	eventually(t, "the namespace to go", func() bool {
		return apierrors.IsNotFound(s.clients[root].Get(t.Context(), types.NamespacedName{Name: s.name}, namespace))
	})
	s.undone()
	s.nothingWasForbidden()
}
