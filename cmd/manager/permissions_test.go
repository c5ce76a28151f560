package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// readRoles reads config/rbac/role.yaml.
func readRoles(t *testing.T) (cluster *rbacv1.ClusterRole, namespaced *rbacv1.Role) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(strings.TrimPrefix(string(raw), "---\n"), "---\n")
	if len(documents) != 2 {
		t.Fatalf("%d documents; want the cluster's role and the lease's", len(documents))
	}
	cluster, namespaced = &rbacv1.ClusterRole{}, &rbacv1.Role{}
	for i, into := range []any{cluster, namespaced} {
		if err := yaml.Unmarshal([]byte(documents[i]), into); err != nil {
			t.Fatal(err)
		}
	}
	return cluster, namespaced
}

func TestTheRolesNameEverythingAndNoSecrets(t *testing.T) {
	cluster, namespaced := readRoles(t)
	for _, rule := range append(cluster.Rules, namespaced.Rules...) {
		for _, list := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs} {
			for _, word := range list {
				if strings.Contains(word, "*") || word == "secrets" {
					t.Errorf("%q in a rule: %+v", word, rule)
				}
			}
		}
	}
}

func rulesOf(permissions []permission) (rules []rbacv1.PolicyRule) {
	for _, p := range permissions {
		rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{p.group}, Resources: []string{p.resource}, Verbs: p.verbs})
	}
	return rules
}

// single has one line for each single thing that rules allow.
func single(rules []rbacv1.PolicyRule) []string {
	var all []string
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					all = append(all, verb+" "+resource+"."+group)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestWhatIsLookedForAtTheStartIsWhatTheRolesGive(t *testing.T) {
	cluster, namespaced := readRoles(t)
	if got, want := single(rulesOf(append(slices.Clone(grants), orderGrants...))), single(cluster.Rules); !slices.Equal(got, want) {
		t.Errorf("looked for: %q; the role gives: %q", got, want)
	}
	if got, want := single(rulesOf([]permission{leaseGrant})), single(namespaced.Rules); !slices.Equal(got, want) {
		t.Errorf("looked for: %q; the role of the lease gives: %q", got, want)
	}
}

func TestTheManagerNeedsNoMorePermissionsThanItsRoles(t *testing.T) {
	plane, kafka := controlplane.ForTest(t), kafkatest.Start(t)
	namespace := plane.Namespace(t)
	api := apiClient(t)
	user, err := plane.AddUser("saga-operator")
	if err != nil {
		t.Fatal(err)
	}
	grant(t, api, "saga-operator")
	createOwnTopics(t, kafka, "granted")
	kafka.CreateTopics(t, 1, "granted.commands")
	p := startManager(t, kafka, "granted", "saga-system", "--kubeconfig", user.Kubeconfig)

	participant := &v1alpha1.SagaParticipant{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "inventory"},
		Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: "granted.commands"}},
	}
	definition := &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "order-fulfilment"}}
	definition.Spec.Steps = []v1alpha1.Step{{
		Name: "reserve", Participant: "inventory", Action: &v1alpha1.Action{Command: "reserve"},
		Compensation: &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone},
	}}
	create(t, api, participant, definition, order(namespace))
	saga := &v1alpha1.Saga{}
	p.await("the order's saga to run", func() bool {
		return read(t, api, namespace, "order-1", saga) && saga.Status.Phase == v1alpha1.PhaseRunning
	})
	p.await("the participant's topic", func() bool {
		return read(t, api, namespace, "inventory", participant) && meta.IsStatusConditionTrue(participant.Status.Conditions, v1alpha1.ConditionReady)
	})
	kafka.Consume(t, "granted.commands", 1)

	// What no saga needs is let go.
	spare := definition.DeepCopy()
	spare.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: "spare"}
	spare.Spec.Steps[0].Participant = "spare"
	unused := &v1alpha1.SagaParticipant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "spare"}, Spec: participant.Spec}
	create(t, api, spare, unused)
	p.await("the spare ones to be held", func() bool {
		return read(t, api, namespace, "spare", spare) && spare.Status.Revision != "" &&
			read(t, api, namespace, "spare", unused) && len(unused.Finalizers) > 0
	})
	revision := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: spare.Status.Revision}}
	for _, gone := range []client.Object{spare, unused, revision} {
		if err := api.Delete(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
	}
	p.await("the spare ones to go", func() bool {
		return !read(t, api, namespace, unused.Name, unused) && !read(t, api, namespace, revision.Name, revision)
	})
	if at := strings.Index(p.log.String(), "forbidden"); at >= 0 {
		t.Errorf("something is forbidden: …%s", p.log.String()[max(0, at-300):min(len(p.log.String()), at+300)])
	}
}

func order(namespace string) *v1alpha1.OrderWorkflow {
	return &v1alpha1.OrderWorkflow{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "order-1"},
		Spec: v1alpha1.OrderWorkflowSpec{
			Customer: v1alpha1.OrderCustomer{ID: "c-17", Name: "Ada Muster"}, Currency: "EUR", Total: "64.95",
			Lines:    []v1alpha1.OrderLine{{SKU: "TEA-100", Quantity: 1, UnitPrice: "64.95"}},
			Payment:  v1alpha1.OrderPayment{Method: "tok_visa"},
			Delivery: v1alpha1.OrderDelivery{Address: []string{"Hauptstr. 1"}, City: "Berlin", Country: "DE"},
		},
	}
}

func rbacScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	if err := rbacv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return scheme
}

func apiClient(t *testing.T) client.Client {
	t.Helper()
	api, err := client.New(controlplane.ForTest(t).Config(), client.Options{Scheme: rbacScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// grant gives the user the roles of config/rbac.
func grant(t *testing.T, api client.Client, user string) {
	t.Helper()
	cluster, namespaced := readRoles(t)
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	create(t, api,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespaced.Namespace}}, cluster, namespaced,
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: cluster.Name}, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: cluster.Name},
		},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespaced.Namespace, Name: namespaced.Name}, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: namespaced.Name},
		})
}

// grantEverywhere gives the user what the roles give, in all namespaces.
func grantEverywhere(t *testing.T, api client.Client, user string) {
	t.Helper()
	cluster, namespaced := readRoles(t)
	grantRules(t, api, user, append(cluster.Rules, namespaced.Rules...))
}

func grantRules(t *testing.T, api client.Client, user string, rules []rbacv1.PolicyRule) {
	t.Helper()
	create(t, api, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules}, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
	})
}

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func create(t *testing.T, api client.Client, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := api.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// read says whether the object is there.
func read(t *testing.T, api client.Client, namespace, name string, into client.Object) bool {
	t.Helper()
	err := api.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, into)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return err == nil
}

func TestSeveralNamespacesAreWatchedAndNoOthers(t *testing.T) {
	plane, kafka := controlplane.ForTest(t), kafkatest.Start(t)
	api := apiClient(t)
	namespaces := []string{plane.Namespace(t), plane.Namespace(t), plane.Namespace(t)}
	createOwnTopics(t, kafka, "several")
	for _, namespace := range namespaces {
		create(t, api, &v1alpha1.SagaParticipant{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "inventory"},
			Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: "several.commands"}},
		})
	}
	p := startManager(t, kafka, "several", namespaces[0], "--namespaces", strings.Join(namespaces[:2], ","))
	participant := &v1alpha1.SagaParticipant{}
	for _, namespace := range namespaces[:2] {
		p.await("the missing topic to be shown", func() bool {
			return read(t, api, namespace, "inventory", participant) &&
				meta.IsStatusConditionFalse(participant.Status.Conditions, v1alpha1.ConditionTopicsReady)
		})
	}
	if read(t, api, namespaces[2], "inventory", participant); participant.Status.ObservedGeneration != 0 || len(participant.Finalizers) > 0 {
		t.Errorf("the participant of another namespace was touched: %+v", participant)
	}
}
