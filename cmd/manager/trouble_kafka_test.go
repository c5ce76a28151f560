package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// connection is what a manager is told about a broker that asks who comes.
func connection(broker string, secret *kafkatest.Mount) []string {
	return []string{
		"--kafka-brokers", broker, "--kafka-ca-file", secret.File("ca.crt"), "--kafka-sasl-mechanism", "SCRAM-SHA-512",
		"--kafka-sasl-username-file", secret.File("username"), "--kafka-sasl-password-file", secret.File("password"),
	}
}

func TestTheManagerWaitsUntilApacheKafkaLetsItIn(t *testing.T) {
	kafkatest.NeedsApache(t)
	broker := kafkatest.StartSecured(t, kafkatest.SecuredOptions{})
	broker.SetPassword(t, "operator", "right")
	for name, test := range map[string]struct {
		installation string
		files        map[string]string // that are wrong
		says         string
		ungranted    bool
	}{
		"a wrong password":               {"password", map[string]string{"password": "wrong"}, "topics: the broker refuses user name or password", false},
		"a user that is not known":       {"user", map[string]string{"username": "nobody"}, "topics: the broker refuses user name or password", false},
		"an authority that did not sign": {"authority", map[string]string{"ca.crt": kafkatest.NewAuthority(t).PEM}, "topics: the broker's certificate is not trusted (--kafka-ca-file)", false},
		"an authority that is none":      {"none", map[string]string{"ca.crt": "none"}, "holds no certificate", false},
		"an empty password":              {"empty", map[string]string{"password": ""}, "password is empty", false},
		"no permissions": {"granted", nil,
			"topics: the broker lets this user see nothing of granted.saga.replies, granted.saga.outcomes, granted.saga.deadletters; allow it", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			right := map[string]string{"username": "operator", "password": "right", "ca.crt": broker.Authority.PEM}
			secret := kafkatest.NewMount(t, right)
			secret.Set(t, test.files)
			createOwnTopics(t, broker.Cluster, test.installation)
			var acls []kafkatest.ACL
			for _, topic := range ownTopics(test.installation) {
				operation := map[bool]string{true: "Read", false: "Write"}[strings.HasSuffix(topic, ".replies")]
				acls = append(acls, kafkatest.ACL{User: "operator", Resource: "topic", Name: topic, Operation: operation})
			}
			acls = append(acls, kafkatest.ACL{User: "operator", Resource: "group", Name: test.installation, Operation: "Read"})
			if !test.ungranted {
				broker.Grant(t, acls...)
			}
			ordeal{
				flags: connection(broker.SASL(), secret), says: test.says, logs: strings.TrimPrefix(test.says, "topics: "),
				mend: func() {
					secret.Set(t, right)
					if test.ungranted {
						broker.Grant(t, acls...)
					}
				},
			}.suffer(t, nil, test.installation)
		})
	}
}

func TestTheManagerWaitsForABrokerThatDoesNotRun(t *testing.T) {
	broker := kafkatest.StartMortal(t)
	kafka := kafkatest.Use(t, broker.Addr())
	createOwnTopics(t, kafka, "unreachable")
	broker.Kill(t)
	ordeal{
		says: "topics: the broker does not answer: connection refused", logs: "the broker does not answer: connection refused",
		mend: func() { broker.Restart(t) },
	}.suffer(t, kafka, "unreachable")
}

func TestTheManagerNeedsNoRestartWhenTheAPIServerIsAwayForAWhile(t *testing.T) {
	kafka, front := kafkatest.Start(t), newFront(t)
	createOwnTopics(t, kafka, "interrupted")
	namespace := controlplane.ForTest(t).Namespace(t)
	p := startPlain(t, "--kafka-brokers", strings.Join(kafka.Brokers, ","), "--installation", "interrupted",
		"--leader-election-namespace", namespace, "--kubeconfig", front.kubeconfig(t),
		"--leader-election-lease-duration", "60s", "--leader-election-renew-deadline", "50s")
	leads := func() bool {
		code, text := p.readyz()
		return code == http.StatusOK && strings.Contains(text, "work: leads")
	}
	p.await("the lease", leads)
	front.stop()
	p.await("readyz to say so", func() bool {
		return strings.Contains(p.readyzText(), "kubernetes: the API server does not answer: connection refused")
	})
	front.start(t) // before the lease is lost
	p.await("readiness", leads)
	if told := p.told("the API server does not answer: connection refused"); len(told) != 1 {
		t.Errorf("%d lines say it, want one: %q", len(told), told)
	}
}
