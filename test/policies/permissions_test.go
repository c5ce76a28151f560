package policies

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// documentedRow is a row of the table of docs/permissions.md: | `resource` | verbs | where | what for |.
var documentedRow = regexp.MustCompile("(?m)^\\| `([a-z/.0-9]+)` \\| ([a-z, ]+) \\| (watched|own) \\| [^|]+ \\|$")

// documented returns what the documentation says the operator may do, as resource and sorted verbs, in namespaces that it watches
// and in its own besides.
func documented(t *testing.T, c *cluster) (watched, own map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.root, "docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]map[string]string{"watched": {}, "own": {}}
	for _, row := range documentedRow.FindAllStringSubmatch(string(text), -1) {
		tables[row[3]][row[1]] = sorted(strings.Split(row[2], ", "))
	}
	if len(tables["watched"]) == 0 || len(tables["own"]) == 0 {
		t.Fatal("docs/permissions.md has no table of permissions")
	}
	return tables["watched"], tables["own"]
}

func sorted(verbs []string) string {
	slices.Sort(verbs)
	return strings.Join(verbs, " ")
}

// everybodys are the resources that every authenticated user may use to ask about themselves.
var everybodys = []string{"selfsubjectreviews.authentication.k8s.io", "selfsubjectaccessreviews.authorization.k8s.io", "selfsubjectrulesreviews.authorization.k8s.io"}

var allowedRow = regexp.MustCompile(`^(\S+)\s+\[\]\s+\[\]\s+\[([a-z ]+)\]$`)

// allowedTo is what kubectl auth can-i --list shows of a service account in a namespace.
func allowedTo(t *testing.T, c *cluster, account, namespace string) map[string]string {
	t.Helper()
	out, err := c.kubectl(t.Context(), "auth", "can-i", "--list", "--no-headers", "--as", account, "-n", namespace)
	if err != nil {
		t.Fatal(out)
	}
	allowed := map[string]string{}
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[/") { // a path, such as /healthz
			continue
		}
		match := allowedRow.FindStringSubmatch(line)
		if match == nil {
			t.Fatalf("kubectl says %q", line)
		}
		if !slices.Contains(everybodys, match[1]) {
			allowed[match[1]] = sorted(strings.Fields(match[2]))
		}
	}
	return allowed
}

func compare(t *testing.T, got map[string]string, want ...map[string]string) {
	t.Helper()
	all := map[string]string{}
	for _, table := range want {
		maps.Copy(all, table)
	}
	for _, resource := range slices.Sorted(maps.Keys(got)) {
		if got[resource] != all[resource] {
			t.Errorf("%s: may %s; documented: %q", resource, got[resource], all[resource])
		}
	}
	for _, resource := range slices.Sorted(maps.Keys(all)) {
		if got[resource] == "" {
			t.Errorf("%s: documented %s; is not allowed", resource, all[resource])
		}
	}
}

func TestTheOperatorMayDoWhatIsDocumentedAndNothingElse(t *testing.T) {
	p := newPlace(t)
	watched, own := documented(t, p.cluster)
	for namespace, want := range map[string][]map[string]string{p.name: {watched}, "saga-system": {watched, own}} {
		t.Run("in namespace "+namespace, func(t *testing.T) { compare(t, allowedTo(t, p.cluster, operator, namespace), want...) })
	}
}

// TestWithListedNamespacesARoleBindingInEachIsEnough binds another account as docs/configuration.md says for --namespaces.
func TestWithListedNamespacesARoleBindingInEachIsEnough(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	const account = "system:serviceaccount:saga-system:namespaced"
	p.must(p.clients[root].Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.name, Name: "saga-operator"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "saga-operator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "saga-system", Name: "namespaced"}},
	}))
	p.may(account, "create", "sagas", "")
	watched, _ := documented(t, p.cluster)
	compare(t, allowedTo(t, p.cluster, account, p.name), watched)
	if elsewhere := allowedTo(t, p.cluster, account, other.name); len(elsewhere) > 0 {
		t.Error(fmt.Sprint("in another namespace it may ", elsewhere))
	}
}
