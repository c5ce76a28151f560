package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// rulesOf reads the rules of a Role or ClusterRole.
func rulesOf(t testing.TB, o unstructured.Unstructured) []rbacv1.PolicyRule {
	t.Helper()
	var role rbacv1.ClusterRole
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
		t.Fatal(err)
	}
	return role.Rules
}

// Verbs and resources by which more can be had than is written.
var (
	escalating = []string{"escalate", "bind", "impersonate", "approve", "sign"}
	dangerous  = []string{
		"secrets", "pods", "pods/exec", "pods/attach", "nodes", "nodes/proxy", "serviceaccounts/token", "certificatesigningrequests",
		"roles", "rolebindings", "clusterroles", "clusterrolebindings", "validatingwebhookconfigurations", "mutatingwebhookconfigurations",
	}
)

// badRule says what is wrong with a rule.
func badRule(rule rbacv1.PolicyRule) []string {
	var found []string
	for _, word := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs) {
		if strings.Contains(word, "*") {
			found = append(found, "a wildcard: "+word)
		}
	}
	for _, resource := range rule.Resources {
		if slices.Contains(dangerous, resource) {
			found = append(found, "the resource "+resource)
		}
	}
	for _, verb := range rule.Verbs {
		if slices.Contains(escalating, verb) {
			found = append(found, "the verb "+verb)
		}
	}
	return found
}

func TestRolesGiveNothingThatIsNotNeeded(t *testing.T) {
	roles := 0
	for set, objects := range rendered(t) {
		for _, o := range objects {
			if o.GetKind() != "Role" && o.GetKind() != "ClusterRole" {
				continue
			}
			roles++
			rules := rulesOf(t, o)
			if len(rules) == 0 {
				t.Errorf("%s: %s has no rules", set, id(o))
			}
			for _, rule := range rules {
				if found := badRule(rule); len(found) > 0 {
					t.Errorf("%s: %s: %s", set, id(o), strings.Join(found, ", "))
				}
			}
		}
	}
	if roles < 10 {
		t.Errorf("%d roles were looked at", roles)
	}
}

func TestTheChecksOfRulesFindWhatIsBad(t *testing.T) {
	for name, rule := range map[string]rbacv1.PolicyRule{
		"all verbs":     {APIGroups: []string{"sagas.dev"}, Resources: []string{"sagas"}, Verbs: []string{"*"}},
		"all groups":    {APIGroups: []string{"*"}, Resources: []string{"sagas"}, Verbs: []string{"get"}},
		"all resources": {APIGroups: []string{"sagas.dev"}, Resources: []string{"*"}, Verbs: []string{"get"}},
		"all statuses":  {APIGroups: []string{"sagas.dev"}, Resources: []string{"*/status"}, Verbs: []string{"get"}},
		"all URLs":      {NonResourceURLs: []string{"*"}, Verbs: []string{"get"}},
		"secrets":       {APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}},
		"more rights":   {APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"x"}, Verbs: []string{"escalate"}},
	} {
		if len(badRule(rule)) == 0 {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

func TestNothingIsBoundToDefaultAccountsOrGroups(t *testing.T) {
	bindings := 0
	for set, objects := range rendered(t) {
		for _, o := range objects {
			switch o.GetKind() {
			case "RoleBinding", "ClusterRoleBinding":
				bindings++
				for _, problem := range badSubjects(t, o) {
					t.Errorf("%s: %s: %s", set, id(o), problem)
				}
			}
		}
	}
	if bindings == 0 {
		t.Error("no binding was looked at")
	}
}

func badSubjects(t testing.TB, o unstructured.Unstructured) []string {
	t.Helper()
	var binding rbacv1.ClusterRoleBinding
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &binding); err != nil {
		t.Fatal(err)
	}
	var found []string
	if binding.RoleRef.Name == "cluster-admin" {
		found = append(found, "makes an administrator")
	}
	for _, subject := range binding.Subjects {
		if subject.Kind != rbacv1.ServiceAccountKind || subject.Name == "default" || subject.Namespace == "" {
			found = append(found, fmt.Sprintf("binds %s %q", subject.Kind, subject.Name))
		}
	}
	return found
}

func TestTheCheckOfBindingsFindsWhatIsBad(t *testing.T) {
	for name, text := range map[string]string{
		"everybody":           `{kind: ClusterRoleBinding, roleRef: {name: x}, subjects: [{kind: Group, name: "system:authenticated"}]}`,
		"the default account": `{kind: RoleBinding, roleRef: {name: x}, subjects: [{kind: ServiceAccount, name: default, namespace: saga-system}]}`,
		"an administrator":    `{kind: ClusterRoleBinding, roleRef: {name: cluster-admin}}`,
	} {
		if len(badSubjects(t, parse(t, []byte(text))[0])) == 0 {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

func TestAccountsMountNoTokenByThemselves(t *testing.T) {
	accounts := 0
	for set, objects := range rendered(t) {
		for _, o := range objects {
			if o.GetKind() != "ServiceAccount" {
				continue
			}
			accounts++
			if mounts, found, _ := unstructured.NestedBool(o.Object, "automountServiceAccountToken"); !found || mounts {
				t.Errorf("%s: %s mounts its token into any pod", set, id(o))
			}
		}
	}
	if accounts == 0 {
		t.Error("no account was looked at")
	}
}
