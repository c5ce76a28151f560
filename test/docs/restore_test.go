package docs

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
	"github.com/sagas-dev/saga-operator/test/kafkatest/fakebroker"
)

func TestTheStepsOfARestore(t *testing.T) {
	needs(t, "DOCS", "make test-docs")
	broker, err := fakebroker.Start("", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	s := set(t, broker.Addr(), "")
	s.startManager()
	s.run(t, "docs/restore.md", "", "restore", map[string]func(){
		"lose etcd":        s.loseEtcd,
		"lose all of etcd": s.loseAllOfEtcd,
		"start kafka":      func() {},
		"stop the group":   func() {},
	})
}

// loseEtcd puts an old snapshot back, in which an order is in flight that is complete by now.
func (s *scene) loseEtcd() {
	s.t.Helper()
	snapshot := filepath.Join(s.t.TempDir(), "etcd")
	s.order("order-1001", time.Hour)
	s.await("order-1001", "in its second step", atSecondStep)
	if err := s.Plane.SnapshotEtcd(s.t.Context(), snapshot); err != nil {
		s.t.Fatal(err)
	}
	s.await("order-1001", "complete", completed)
	s.Crew.Kill("manager")
	if err := s.Plane.RestoreEtcd(s.t.Context(), snapshot); err != nil {
		s.t.Fatal(err)
	}
	s.startManager() // as the kubelet would
}

// loseAllOfEtcd checks what came of the snapshot, and starts with an empty etcd while an order is in flight.
func (s *scene) loseAllOfEtcd() {
	s.t.Helper()
	s.await("order-1001", "adopted and complete", func(saga *v1alpha1.Saga) bool {
		return completed(saga) && len(saga.Status.Latches) == 1 && saga.Status.Latches[0] == v1alpha1.LatchAdopt
	})
	s.order("order-1002", time.Hour)
	s.await("order-1002", "in its second step", atSecondStep)
	s.Crew.Kill("manager")
	var participants v1alpha1.SagaParticipantList
	var definitions v1alpha1.SagaDefinitionList
	if err := errors.Join(s.Client.List(s.t.Context(), &participants), s.Client.List(s.t.Context(), &definitions)); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Plane.RestoreEtcd(s.t.Context(), ""); err != nil {
		s.t.Fatal(err)
	}
	s.again(&participants, &definitions)
	s.startManager()
	s.order("order-1002", time.Hour)
	s.await("order-1002", "waiting as KeyUsed", waitsAsKeyUsed)
}

func TestTheCommandsForKafka(t *testing.T) {
	needs(t, "DOCS", "make test-docs")
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	tools, err := exec.CommandContext(t.Context(), filepath.Join(root, "test", "docs", "kafka-tools")).Output()
	if err != nil {
		t.Fatal(err)
	}
	s := set(t, kafkatest.StartApache(t, t.TempDir(), 0).Addr(), strings.TrimSpace(string(tools)))
	s.run(t, "docs/restore.md", "", "kafka", map[string]func(){
		"start kafka": s.loseASaga,
		"stop the group": func() {
			s.Crew.Kill("payment")
		},
		"lose etcd":        func() {},
		"lose all of etcd": func() {},
	})
	if lag := s.output(`kafka-consumer-groups.sh --bootstrap-server "$BROKERS" --group payment --describe 2>/dev/null | awk '$2 == "payment.commands" {lag += $6} END {print lag}'`); lag != "2" {
		t.Errorf("after its offsets were set back, the group has %q commands before it, not 2", lag)
	}
	s.run(t, "docs/install.md", "", "kafka", nil)
}

// loseASaga has an order end and go, and another one be lost in the middle.
func (s *scene) loseASaga() {
	s.t.Helper()
	s.startManager()
	s.order("order-1001", 0)
	s.await("order-1001", "gone", nil)
	s.order("order-1003", time.Hour)
	s.await("order-1003", "in its second step", atSecondStep)
	s.Crew.Kill("manager")
	s.output(`kubectl patch saga order-1003 --type merge -p '{"metadata": {"finalizers": null}}'; kubectl delete saga order-1003`)
}
