package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// release is the chart's release.
const release = "saga-operator"

// valuesFile says what the chart has to be told. topicPolicy leaves out what the sagas do not need.
const valuesFile = `kafka:
  brokers: [%q]
topicPolicy:
  rules:
  - namespaces: [shop, "shop-*"]
    topicPrefixes: [inventory., payment., shipping., order.]
`

// prepareOperatorNamespace makes the operator's namespace, where no pod may have a privilege, and the key that it needs there.
func (c *cluster) prepareOperatorNamespace(t *testing.T) {
	t.Helper()
	c.makeNamespace(t, operatorNamespace)
	secret, err := wire.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	err = c.client.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "saga-operator-reply-token"},
		Data:       map[string][]byte{"key": secret},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) makeNamespace(t *testing.T, name string) {
	t.Helper()
	err := c.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// helm runs one of helm's commands on the release, and waits until what it changes has come about. Install and upgrade
// take the values of the tests, and sets above them.
func (c *cluster) helm(ctx context.Context, command string, sets ...string) (string, error) {
	args := []string{command, release}
	if command == "install" || command == "upgrade" {
		values := filepath.Join(c.dir, "values.yaml")
		if err := os.WriteFile(values, fmt.Appendf(nil, valuesFile, c.brokers()), 0o600); err != nil {
			return "", fmt.Errorf("writing the values: %w", err)
		}
		args = append(args, filepath.Join("charts", "saga-operator"), "--values", values)
		for _, set := range sets {
			args = append(args, "--set", set)
		}
	}
	args = append(args, "--namespace", operatorNamespace, "--timeout", "3m")
	if command != "test" {
		args = append(args, "--wait")
	}
	return c.run(ctx, "helm", args...)
}

func (c *cluster) mustHelm(t *testing.T, command string, sets ...string) string {
	t.Helper()
	out, err := c.helm(t.Context(), command, sets...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// brokers that operator and services use now.
func (c *cluster) brokers() string {
	if c.kafka != "" {
		return c.kafka
	}
	return "kafka.kafka.svc:9092"
}

// awaitManagers waits until both managers are ready, and no other is left.
func (c *cluster) awaitManagers(t *testing.T) []corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	eventually(t, startPatience, "two managers that are ready", func() string {
		pods = c.managers(t)
		var waiting []string
		for _, pod := range pods {
			if !ready(&pod) {
				waiting = append(waiting, fmt.Sprintf("%s (%s)", pod.Name, pod.Status.Phase))
			}
		}
		if len(pods) != 2 || len(waiting) > 0 {
			return fmt.Sprintf("there are %d, of which not ready: %s", len(pods), strings.Join(waiting, ", "))
		}
		return ""
	})
	return pods
}

func ready(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil
		}
	}
	return false
}

// reported is the version that a manager's process says it is when it starts.
func (c *cluster) reported(t *testing.T, pod string) string {
	t.Helper()
	log := c.kubectl(t, "logs", "-n", operatorNamespace, pod)
	for lines := bufio.NewScanner(strings.NewReader(log)); lines.Scan(); {
		var line struct{ Msg, Version string }
		if err := json.Unmarshal(lines.Bytes(), &line); err == nil && line.Msg == "Starting" && line.Version != "" {
			return line.Version
		}
	}
	t.Fatalf("%s does not say its version:\n%s", pod, log)
	return ""
}
