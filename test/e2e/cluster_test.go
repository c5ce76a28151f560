package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Namespaces of the operator, the sample shop and the broker.
const (
	operatorNamespace = "saga-system"
	shop              = "shop"
	brokerNamespace   = "kafka"
)

// cluster is a kind cluster with a broker and the sample services.
type cluster struct {
	tools
	name   string
	client client.Client
	// apache is a broker outside of the cluster, and kafka the same once it is used; empty: the embedded one is.
	apache, kafka string
	moved         time.Time // to Apache Kafka
}

// newCluster makes a cluster, with the images of both versions in it, and sets the shop up. The test's end removes it.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	ctrl.SetLogger(logr.Discard()) // else the library complains that nobody did
	c := &cluster{tools: newTools(t), name: clusterName(os.Getpid())}
	c.removeLeftovers(t)
	images := make(chan error, 1)
	go func() { images <- c.buildImages(t.Context()) }()
	c.create(t)
	begun := time.Now()
	if err := <-images; err != nil {
		t.Fatal(err)
	}
	t.Logf("the images took %s longer", since(begun))
	c.connect(t)
	c.loadImages(t)
	c.apache = c.startApacheKafka(t)
	c.setUpTheShop(t)
	c.prepareOperatorNamespace(t)
	return c
}

// nodes of the cluster: the control plane's also has the broker and the services, so that a worker can be taken away with
// nothing but a manager on it.
const nodes = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}, {role: worker}]
`

func (c *cluster) create(t *testing.T) {
	t.Helper()
	begun := time.Now()
	t.Cleanup(func() { c.remove(t) })
	config := filepath.Join(c.dir, "kind.yaml")
	if err := os.WriteFile(config, []byte(nodes), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"create", "cluster", "--name", c.name, "--config", config, "--kubeconfig", c.kubeconfig, "--wait", "3m"}
	if image := os.Getenv("KIND_NODE_IMAGE"); image != "" {
		args = append(args, "--image", image)
	}
	c.kind(t, args...)
	t.Logf("cluster %s took %s", c.name, since(begun))
}

// remove exports what a failed test leaves, and deletes the cluster unless it is to be kept.
func (c *cluster) remove(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	if t.Failed() {
		c.export(ctx, t)
	}
	if os.Getenv("KEEP") != "" {
		t.Logf("kept until the next run: export KUBECONFIG=%s; to remove it: bin/kind delete cluster --name %s", c.kubeconfig, c.name)
		return
	}
	if _, err := c.run(ctx, "kind", "delete", "cluster", "--name", c.name, "--kubeconfig", c.kubeconfig); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		return
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Error(err)
	}
}

func (c *cluster) connect(t *testing.T) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	if c.client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
}

// loadImages puts both images on all nodes.
func (c *cluster) loadImages(t *testing.T) {
	t.Helper()
	begun := time.Now()
	c.kind(t, "load", "docker-image", "--name", c.name, image(version), image(nextVersion))
	t.Logf("loading the images took %s", since(begun))
}

// setUpTheShop applies the samples of config/samples, pinned to the control plane's node, as a reader of them would.
func (c *cluster) setUpTheShop(t *testing.T) {
	t.Helper()
	c.docker(t, "exec", c.name+"-control-plane", "mkdir", "-p", "-m", "0777", "/var/lib/saga-e2e/kafka", "/var/lib/saga-e2e/books")
	for _, part := range []string{"broker", "shop"} {
		c.kubectl(t, "apply", "-k", filepath.Join("test", "e2e", "testdata", part))
	}
	c.kubectl(t, "rollout", "status", "-n", brokerNamespace, "deployment/kafka", "--timeout=2m")
	for _, name := range services {
		c.kubectl(t, "rollout", "status", "-n", shop, "deployment/"+name, "--timeout=2m")
	}
}
