package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// topics of the installation and of the sample services.
var topics = []string{
	wire.RepliesTopic("default"), wire.OutcomesTopic("default"), wire.DeadLettersTopic("default"),
	"inventory.commands", "payment.commands", "shipping.commands", "order.events",
}

// startApacheKafka starts a broker on this machine, where pods reach it: on the gateway of kind's network. It returns its
// address; empty where the embedded broker is to do.
func (c *cluster) startApacheKafka(t *testing.T) string {
	t.Helper()
	if os.Getenv("E2E_KAFKA") == "embedded" {
		return ""
	}
	begun := time.Now()
	gateway := strings.TrimSpace(c.docker(t, "inspect", "-f", "{{.NetworkSettings.Networks.kind.Gateway}}", c.name+"-control-plane"))
	dir := filepath.Join(c.dir, "kafka")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	broker := kafkatest.StartApacheOn(t, dir, gateway, 0)
	client, err := kafka.Connect(kafka.Config{Brokers: []string{broker.Addr()}, ClientID: "e2e"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.CreateTopics(t.Context(), 3, topics...); err != nil {
		t.Fatal(err)
	}
	t.Logf("Apache Kafka at %s took %s", broker.Addr(), since(begun))
	return broker.Addr()
}

// movesToApacheKafka leaves the embedded broker, which has one thread and no replicas, to those who try things out.
func movesToApacheKafka(t *testing.T, c *cluster) {
	if c.apache == "" {
		t.Skip("E2E_KAFKA=embedded: everything stays on the broker in the cluster")
	}
	c.kafka, c.moved = c.apache, time.Now()
	c.kubectl(t, "set", "env", "-n", shop, "deployment", "--all", "SAGA_BROKERS="+c.kafka)
	c.mustHelm(t, "upgrade")
	for _, name := range services {
		c.kubectl(t, "rollout", "status", "-n", shop, "deployment/"+name, "--timeout=2m")
	}
	c.awaitManagers(t)
	b := batch{shop, "moved", 5}
	c.start(t, b)
	c.awaitEnds(t, b, time.Minute)
	c.balanced(t, b, false)
}
