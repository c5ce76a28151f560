package faults

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// electing is for managers that lead by lease, with the timings of an installation.
var electing = []string{"--metrics-bind-address=0", "--leader-election-namespace=" + stage.Shop}

// copied returns a copy of a directory's files. Whatever writes them must not run.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// replace puts a copy back in place of a directory.
func replace(t *testing.T, dir, with string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(with))); err != nil {
		t.Fatal(err)
	}
}

// snapshotEtcd returns etcd's files as a power failure would leave them at this moment.
func snapshotEtcd(t *testing.T, s *stage.Stage) string {
	t.Helper()
	files := filepath.Join(t.TempDir(), "etcd")
	if err := s.Plane.SnapshotEtcd(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	return files
}

func restoreEtcd(t *testing.T, s *stage.Stage, files string) {
	t.Helper()
	if err := s.Plane.RestoreEtcd(t.Context(), files); err != nil {
		t.Fatal(err)
	}
}

// lease changes who holds the manager's lease, and for how long.
func lease(t *testing.T, s *stage.Stage, json string) {
	t.Helper()
	held := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Shop, Name: "saga-operator-" + s.Installation}}
	if err := s.Client.Patch(t.Context(), held, client.RawPatch(types.MergePatchType, []byte(json))); err != nil {
		t.Fatal(err)
	}
}

// timed makes the stage's definition once more, as "timed", with a deadline.
func timed(t *testing.T, s *stage.Stage, deadline time.Duration) {
	t.Helper()
	def := &v1alpha1.SagaDefinition{}
	if err := s.Client.Get(t.Context(), types.NamespacedName{Namespace: stage.Shop, Name: "order"}, def); err != nil {
		t.Fatal(err)
	}
	made := &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Shop, Name: "timed"}, Spec: def.Spec}
	made.Spec.Deadline = &metav1.Duration{Duration: deadline}
	if err := s.Client.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
}

// order makes a saga of the named definition. kept is its ttl.
func order(t *testing.T, s *stage.Stage, name, definition string, declined bool, kept time.Duration) {
	t.Helper()
	saga := stage.Order(name, declined)
	saga.Spec.DefinitionRef.Name = definition
	saga.Spec.TTL = &v1alpha1.SagaTTL{Completed: &metav1.Duration{Duration: kept}}
	if err := s.Client.Create(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
}

func atSecondStep(saga *v1alpha1.Saga) bool {
	return len(saga.Status.Steps) > 0 && saga.Status.Steps[0].State == v1alpha1.StepSucceeded
}

func over(saga *v1alpha1.Saga) bool {
	return saga.Status.Phase == v1alpha1.PhaseCompleted || saga.Status.Phase == v1alpha1.PhaseCompensated
}

func sagas(t *testing.T, s *stage.Stage) map[string]v1alpha1.Saga {
	t.Helper()
	var list v1alpha1.SagaList
	if err := s.Client.List(t.Context(), &list, client.InNamespace(stage.Shop)); err != nil {
		t.Fatal(err)
	}
	all := map[string]v1alpha1.Saga{}
	for _, saga := range list.Items {
		all[saga.Name] = saga
	}
	return all
}

// orderBooks are what the services did, by order.
func orderBooks(t *testing.T, s *stage.Stage) map[string]string {
	t.Helper()
	var orders []json.RawMessage
	if err := json.Unmarshal([]byte(effects(t, s)), &orders); err != nil {
		t.Fatal(err)
	}
	books := map[string]string{}
	for _, o := range orders {
		var id struct{ OrderID string }
		if err := json.Unmarshal(o, &id); err != nil {
			t.Fatal(err)
		}
		books[id.OrderID] = string(o)
	}
	return books
}

// quiet waits until the services have done all that they were asked: their books have stood still for two seconds.
func quiet(t *testing.T, s *stage.Stage) map[string]string {
	t.Helper()
	last, since := effects(t, s), time.Now()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		now := effects(t, s)
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > 2*time.Second {
			return orderBooks(t, s)
		}
	}
	t.Fatal("the services do not come to rest")
	return nil
}

// deadLetters returns reason and saga of each dead letter there is, as "reason namespace/name".
func deadLetters(t *testing.T, s *stage.Stage) []string {
	t.Helper()
	cluster, topic, n := kafkatest.Use(t, s.Broker), s.Installation+".saga.deadletters", int64(0)
	for _, end := range cluster.Ends(t, topic) {
		n += end
	}
	var all []string
	for _, m := range cluster.Consume(t, topic, int(n)) {
		headers := map[string]string{}
		for _, h := range m.Headers {
			headers[h.Key] = string(h.Value)
		}
		all = append(all, headers["x-saga-reason"]+" "+headers["ce_sagaref"])
	}
	return all
}

// gitHas returns participants and definitions as Git would have them: without anything the API server added.
func gitHas(t *testing.T, s *stage.Stage) []client.Object {
	t.Helper()
	var participants v1alpha1.SagaParticipantList
	var definitions v1alpha1.SagaDefinitionList
	if err := errors.Join(s.Client.List(t.Context(), &participants), s.Client.List(t.Context(), &definitions)); err != nil {
		t.Fatal(err)
	}
	var all []client.Object
	for _, p := range participants.Items {
		all = append(all, &v1alpha1.SagaParticipant{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}, Spec: p.Spec})
	}
	for _, d := range definitions.Items {
		all = append(all, &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name}, Spec: d.Spec})
	}
	return all
}

func apply(t *testing.T, s *stage.Stage, objects []client.Object) {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Plane.InstallCRDs(t.Context(), filepath.Join(root, "config", "crd", "bases")); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if err := s.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// whole checks that the books balance, as balanced does, but for command ids that came with other bytes: what a restore has made
// forgotten is decided again, at another time, and ce_time says so.
func whole(t *testing.T, s *stage.Stage) {
	t.Helper()
	out, _ := s.Books(t.Context(), "-o", "json") // fails where they are off, which is looked at here
	var report struct {
		Problems []string
		Orders   []json.RawMessage
	}
	if err := json.Unmarshal([]byte(out[:strings.LastIndexByte(out, '}')+1]), &report); err != nil || len(report.Orders) == 0 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, problem := range report.Problems {
		if !strings.Contains(problem, "came with other bytes") {
			t.Error(problem)
		}
	}
}
