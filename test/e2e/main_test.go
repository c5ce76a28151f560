package e2e

import (
	"os"
	"testing"
	"time"
)

// scenarios in the order that saves time. Each finds the operator installed and idle, and leaves it so; the first three install it.
var scenarios = []struct {
	name string
	run  func(*testing.T, *cluster)
}{
	{"a pod that is not restricted is refused in every namespace", refusesUnrestrictedPods},
	{"the chart installs and its own test passes", installs},
	{"orders of the samples end as they should", runsTheSamples},
	{"broker and services lose their pods and keep what they know", losesThePodsAroundIt},
	{"with nothing in flight it moves to another broker", movesToApacheKafka},
	{"the leader's pod is deleted while orders are in flight", losesTheLeadersPod},
	{"the leader's node is drained while orders are in flight", losesTheLeadersNodeToADrain},
	{"the leader's node freezes while orders are in flight", losesTheLeadersNodeToACrash},
	{"an upgrade and a rollback meet 100 orders in flight", upgradesAndRollsBack},
	{"an uninstalled operator leaves its sagas to the next one", isUninstalledAndInstalledAgain},
	{"a namespace with 20 running sagas undoes them and goes", deletesANamespace},
	{"the topics have each command in one form, served, and no answer in vain", auditsTheTopics},
}

func TestTheOperatorInACluster(t *testing.T) {
	if os.Getenv("E2E") == "" {
		t.Skip("takes minutes and needs Docker: set E2E=1, or run make test-e2e")
	}
	begun := time.Now()
	c := newCluster(t)
	t.Logf("a cluster with broker and services took %s", since(begun))
	for _, s := range scenarios {
		if !t.Run(s.name, func(t *testing.T) { s.run(t, c) }) {
			t.Fatal("the scenarios after this one were not run: they build on it")
		}
	}
	t.Logf("everything took %s", since(begun))
}

func since(begun time.Time) time.Duration { return time.Since(begun).Round(100 * time.Millisecond) }
