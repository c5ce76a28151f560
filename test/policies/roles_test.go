package policies

import (
	"context"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestWhatTheRolesAllow(t *testing.T) {
	p := settled(t)
	read, write := []string{"get", "list", "watch"}, []string{"create", "update", "patch", "delete", "deletecollection"}
	decide := []string{"abort", "resolve"}
	for _, resource := range []string{"sagas", "sagadefinitions", "orderworkflows", "sagaparticipants", "sagatriggers"} {
		topics, decided := resource == "sagaparticipants" || resource == "sagatriggers", resource == "sagas" || resource == "orderworkflows"
		for user, allowed := range map[string]map[string]bool{
			nobody: {},
			view:   {"read": true},
			edit:   {"read": true, "write": !topics},
			admin:  {"read": true, "write": true, "decide": decided},
		} {
			for kind, verbs := range map[string][]string{"read": read, "write": write, "decide": decide} {
				for _, verb := range verbs {
					if got := p.allowed(user, verb, resource, "", ""); got != allowed[kind] {
						t.Errorf("%s may %s %s: %t; want %t", user, verb, resource, got, allowed[kind])
					}
				}
			}
			for _, verb := range []string{"update", "patch"} {
				if p.allowed(user, verb, resource, "status", "") {
					t.Errorf("%s may %s the status of %s", user, verb, resource)
				}
			}
		}
	}
}

func TestAUserWithEditStartsASagaAndCanNeitherAbortNorResolveIt(t *testing.T) {
	p := settled(t)
	const manifest = `{"apiVersion":"sagas.dev/v1alpha1","kind":"Saga","metadata":{"name":"gift"},"spec":{"definitionRef":{"name":"gift"}}}`
	if out, err := p.kubectlAs(t.Context(), edit, manifest, "create", "-n", p.name, "-f", "-"); err != nil {
		t.Fatal(out)
	}
	saga := &v1alpha1.Saga{}
	p.must(p.clients[root].Get(t.Context(), p.key("gift"), saga))
	pivotWaits(&saga.Status)
	p.must(p.clients[operator].Status().Update(t.Context(), saga))
	for patch, want := range map[string]string{
		`{"spec":{"abort":true}}`: "changing spec.abort needs the verb abort",
		`{"spec":{"resolutions":[{"step":"ship","decision":2,"action":"Skip","by":"me","reason":"so"}]}}`: "changing spec.resolutions needs the verb resolve",
	} {
		out, err := p.kubectlAs(t.Context(), edit, "", "patch", "saga", "gift", "-n", p.name, "--type", "merge", "-p", patch)
		want += " on sagas.sagas.dev 'gift' in namespace '" + p.name + "', which edit does not have: the role admin has it, and a Role can give it"
		if err == nil || !strings.Contains(out, "is forbidden: ValidatingAdmissionPolicy") || !strings.HasSuffix(out, want) {
			t.Errorf("kubectl says (%v): %s\nwant: %s", err, out, want)
		}
		if out, err := p.kubectlAs(t.Context(), admin, "", "patch", "saga", "gift", "-n", p.name, "--type", "merge", "-p", patch); err != nil {
			t.Errorf("admin is refused: %s", out)
		}
	}
}

// TestWhoeverEditsTheOperatorsOwnNamespaceIsTheOperator holds what docs/permissions.md warns of.
func TestWhoeverEditsTheOperatorsOwnNamespaceIsTheOperator(t *testing.T) {
	p := settled(t)
	saga := p.saga(running)
	asOperator := func() (string, error) {
		return p.kubectlAs(t.Context(), edit, "", "patch", "saga", saga.Name, "-n", p.name, "--type", "merge",
			"-p", `{"metadata":{"finalizers":null}}`, "--dry-run=server", "--as", operator)
	}
	if out, err := asOperator(); err == nil || !strings.Contains(out, "cannot impersonate") {
		t.Errorf("an editor of the sagas' namespace acts as the operator (%v): %s", err, out)
	}
	own := &place{cluster: p.cluster, t: t, name: "saga-system"}
	own.grant(edit, "ClusterRole", "edit")
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: own.name, Name: edit + "-edit"}}
	t.Cleanup(func() { // the context of the test is done by then
		if err := p.clients[root].Delete(context.Background(), binding); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "an editor of its namespace to act as the operator", func() bool { _, err := asOperator(); return err == nil })
}
