package policies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// documentedCommand runs a command of docs/permissions.md as it stands there, for another object.
func (p *place) documentedCommand(command, object, namespace string) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.root, "docs", "permissions.md"))
	p.must(err)
	if !strings.Contains(string(text), "\n"+command+"\n") {
		p.t.Fatalf("docs/permissions.md has no line %q", command)
	}
	command = strings.NewReplacer("-n shop", "-n "+namespace, "order-1003", object).Replace(command)
	head, patch, _ := strings.Cut(command, " -p '")
	patch, rest, _ := strings.Cut(patch, "'")
	args := append(append(strings.Fields(head)[1:], "-p", patch), strings.Fields(rest)...)
	if out, err := p.kubectl(p.t.Context(), args...); err != nil {
		p.t.Errorf("%s: %s", command, out)
	}
}

func TestTheFinalizerComesOffByImpersonation(t *testing.T) {
	p := settled(t)
	saga := p.saga(running)
	p.documentedCommand(`kubectl -n shop patch saga order-1003 --type merge -p '{"metadata": {"finalizers": null}}' --as system:serviceaccount:saga-system:saga-operator`, saga.Name, p.name)
	p.must(p.clients[root].Get(t.Context(), p.key(saga.Name), saga))
	if len(saga.Finalizers) > 0 {
		t.Errorf("finalizers %q are still there", saga.Finalizers)
	}
}

func TestAStatusIsRestoredWhileItsPolicyOnlyWarns(t *testing.T) {
	p := settled(t)
	saga := p.saga(running)
	const patch = `kubectl patch validatingadmissionpolicybinding saga-operator-status --type merge -p '{"spec": {"validationActions": [`
	p.documentedCommand(patch+`"Warn", "Audit"]}}'`, "", "")
	status := func() error { return p.clients[root].Status().Update(t.Context(), saga.DeepCopy(), client.DryRunAll) }
	eventually(t, "the status to be writable", func() bool { return status() == nil })
	p.documentedCommand(patch+`"Deny"]}}'`, "", "")
	p.enforced("status", status)
}
