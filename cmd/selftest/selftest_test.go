package main

import (
	"context"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// adminOf returns the program's own view of a namespace, with all permissions.
func adminOf(t *testing.T) *cluster {
	t.Helper()
	c, err := connect(options{kubeconfig: controlplane.ForTest(t).Kubeconfig()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func nothingIsLeft(t *testing.T, namespace string) {
	t.Helper()
	sagas, participants, err := adminOf(t).ours(t.Context(), namespace)
	if err != nil || len(sagas)+len(participants) > 0 {
		t.Errorf("left in %s: %s, %s, error %v", namespace, names(sagas), names(participants), err)
	}
}

func TestAnInstallationThatWorksPassesAndKeepsNothing(t *testing.T) {
	broker, namespace := kafkatest.Start(t), controlplane.ForTest(t).Namespace(t)
	startManager(t, broker, "--namespaces", namespace)
	for _, topic := range []string{kafkatest.Name("missing"), broker.Topic(t, 2)} {
		r := runIn(t.Context(), t, broker, namespace, "--topic", topic)
		if r.code != exitPassed || !strings.HasSuffix(r.out, "passed\n") || r.errOut != "" {
			t.Errorf("topic %s: exit code %d", topic, r.code)
		}
		nothingIsLeft(t, namespace)
	}
}

func TestARunThatWasCutOffIsTidiedUpByTheNext(t *testing.T) {
	broker, namespace := kafkatest.Start(t), controlplane.ForTest(t).Namespace(t)
	topic, admin := broker.Topic(t, 1), adminOf(t)
	startManager(t, broker, "--namespaces", namespace)
	stuck := trials(namespace, "saga-selftest-cutoff")[0].saga // nobody answers it
	for _, o := range []client.Object{theParticipant(namespace, topic), stuck} {
		if err := admin.create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	kafkatest.Eventually(t, "the saga to hold its finalizer", func() bool {
		return admin.client.Get(t.Context(), client.ObjectKeyFromObject(stuck), stuck) == nil && len(stuck.Finalizers) > 0
	})
	r := runIn(t.Context(), t, broker, namespace, "--topic", topic)
	if r.code != exitPassed || !strings.Contains(r.out, "removed what an earlier run had left: saga "+stuck.Name) {
		t.Errorf("exit code %d", r.code)
	}
	nothingIsLeft(t, namespace)
}

func TestARunThatIsToldToEndTidiesUp(t *testing.T) {
	broker, namespace := kafkatest.Start(t), controlplane.ForTest(t).Namespace(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan result)
	go func() { ended <- runIn(ctx, t, broker, namespace, "--topic", broker.Topic(t, 1)) }()
	kafkatest.Eventually(t, "the participant to be made", func() bool {
		_, participants, err := adminOf(t).ours(t.Context(), namespace)
		return err == nil && len(participants) == 1
	})
	cancel()
	if r := <-ended; r.code != exitFailed || !strings.Contains(r.out, "removed everything again") {
		t.Errorf("exit code %d", r.code)
	}
	nothingIsLeft(t, namespace)
}

func TestWithoutAnOperatorItSaysSo(t *testing.T) {
	broker, namespace := kafkatest.Start(t), controlplane.ForTest(t).Namespace(t)
	r := runIn(t.Context(), t, broker, namespace, "--timeout", "5s")
	if r.code != exitFailed || !strings.Contains(r.errOut, "--timeout=5s has passed") || !strings.Contains(r.errOut, "look at: whether the manager runs") {
		t.Errorf("exit code %d", r.code)
	}
	nothingIsLeft(t, namespace)
}

func TestWhatIsWrongIsSaidAtOnce(t *testing.T) {
	plane, broker := controlplane.ForTest(t), kafkatest.Start(t)
	nobody, err := plane.AddUser("nobody")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		flags []string
		want  []string
	}{
		"a user without permissions": {
			flags: []string{"--kubeconfig", nobody.Kubeconfig},
			want:  []string{"forbidden", "look at: the permissions of this user"},
		},
		"a namespace that does not exist": {
			flags: []string{"--namespace", "nowhere"},
			want:  []string{"not found", "look at: whether the namespace exists"},
		},
		"a missing topic that may not be made": {
			flags: []string{"--kafka-brokers", refusing(t)},
			want:  []string{"could not be made", "look at: make the topic, or name one that exists"},
		},
		"brokers that are away": {
			flags: []string{"--kafka-brokers", "127.0.0.1:1"},
			want:  []string{"asking the brokers", "look at: --kafka-brokers"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			r := runIn(t.Context(), t, broker, plane.Namespace(t), test.flags...)
			for _, want := range test.want {
				if r.code != exitFailed || !strings.Contains(r.errOut, want) {
					t.Errorf("exit code %d, want an error with %q", r.code, want)
				}
			}
			if took := time.Since(began); took > 40*time.Second {
				t.Errorf("it took %s to say so", took)
			}
		})
	}
}

// refusing returns the address of a broker that creates no topics.
func refusing(t *testing.T) string {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	broker.ControlKey(int16(kmsg.CreateTopics), func(request kmsg.Request) (kmsg.Response, error, bool) {
		broker.KeepControl()
		response := request.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, asked := range request.(*kmsg.CreateTopicsRequest).Topics {
			refused := kmsg.NewCreateTopicsResponseTopic()
			refused.Topic, refused.ErrorCode = asked.Topic, kerr.TopicAuthorizationFailed.Code
			response.Topics = append(response.Topics, refused)
		}
		return response, nil, true
	})
	return broker.ListenAddrs()[0]
}

// permissions are those that the documentation and the chart give the test, in its namespace.
var permissions = []rbacv1.PolicyRule{
	{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"sagas", "sagaparticipants"}, Verbs: []string{"get", "list", "create", "delete"}},
	{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"sagas"}, Verbs: []string{"abort"}},
}

func TestThePermissionsThatItNamesAreEnough(t *testing.T) {
	plane, broker := controlplane.ForTest(t), kafkatest.Start(t)
	namespace := plane.Namespace(t)
	tester, err := plane.AddUser("tester")
	if err != nil {
		t.Fatal(err)
	}
	admin, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "selftest"}, Rules: permissions}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "selftest"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "selftest"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "tester"}},
	}
	if _, err := admin.RbacV1().Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	startManager(t, broker, "--namespaces", namespace)
	if r := runIn(t.Context(), t, broker, namespace, "--kubeconfig", tester.Kubeconfig); r.code != exitPassed {
		t.Errorf("exit code %d", r.code)
	}
}
