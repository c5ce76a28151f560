package e2e

import (
	"strings"
	"testing"
	"time"
)

func upgradesAndRollsBack(t *testing.T, c *cluster) {
	c.rollOutUnder(t, c.inFlight(t, shop, "upgraded", 100), nextVersion, true, func() error {
		_, err := c.helm(t.Context(), "upgrade", "image.tag="+nextVersion, "logging.level=debug")
		return err
	})
	c.rollOutUnder(t, c.inFlight(t, shop, "rolled-back", 100), version, false, func() error {
		_, err := c.helm(t.Context(), "rollback")
		return err
	})
}

// rollOutUnder changes what runs while a batch is in flight: all of it is handed to another manager at least once. Then the
// payments are answered and more orders come, while pods still come and go.
func (c *cluster) rollOutUnder(t *testing.T, b batch, to string, debug bool, change func() error) {
	t.Helper()
	leader, begun := c.leader(t), time.Now()
	changed := make(chan error, 1)
	go func() { changed <- change() }()
	t.Cleanup(func() {
		select {
		case err := <-changed: // the test ended before it looked; this may be why
			t.Logf("the change ended with: %v", err)
		default:
		}
	})
	took := c.awaitHandOver(t, leader.Name, startPatience).Sub(begun).Round(100 * time.Millisecond)
	c.giveBack(t, "payment")
	during := batch{b.namespace, b.name + "-during", 30}
	c.start(t, during)
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	rolledOut := since(begun)
	for _, pod := range c.awaitManagers(t) {
		if got := c.reported(t, pod.Name); !strings.HasPrefix(got, to) {
			t.Errorf("%s is version %s, not %s", pod.Name, got, to)
		}
		c.awaitLogsAt(t, pod.Name, debug)
	}
	c.awaitEnds(t, b, 2*time.Minute)
	c.awaitEnds(t, during, time.Minute)
	t.Logf("version %s: handed over after %s, rolled out after %s; %d orders in flight and %d more had ended after %s",
		to, took, rolledOut, b.n, during.n, since(begun))
	c.balanced(t, b, false)
	c.balanced(t, during, false)
}

// awaitLogsAt waits until a manager has said something in detail, or finds that it has not where it was told not to.
func (c *cluster) awaitLogsAt(t *testing.T, pod string, debug bool) {
	t.Helper()
	detailed := func() bool {
		return strings.Contains(c.kubectl(t, "logs", "-n", operatorNamespace, pod), `"level":"DEBUG"`)
	}
	if !debug {
		if detailed() {
			t.Errorf("%s logs at level debug", pod)
		}
		return
	}
	eventually(t, startPatience, "a line in detail of "+pod, func() string {
		if !detailed() {
			return "it has none"
		}
		return ""
	})
}
