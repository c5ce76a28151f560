package policies

import (
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestWhatTheRolesAllow(t *testing.T) {
	p := settled(t)
	read, write := []string{"get", "list", "watch"}, []string{"create", "update", "patch", "delete", "deletecollection"}
	decide := []string{"abort", "resolve"}
	for _, resource := range []string{"sagas", "sagadefinitions", "orderworkflows", "sagaparticipants"} {
		participants, decided := resource == "sagaparticipants", resource == "sagas" || resource == "orderworkflows"
		for user, allowed := range map[string]map[string]bool{
			nobody: {},
			view:   {"read": true},
			edit:   {"read": true, "write": !participants},
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
