package e2e

import (
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// How long nobody may lead.
const (
	afterSIGTERM  = 5 * time.Second
	afterNodeLoss = 20 * time.Second
)

// inFlight starts a batch and returns when all its orders wait for the payment, which is withheld.
func (c *cluster) inFlight(t *testing.T, namespace, name string, n int) batch {
	t.Helper()
	b := batch{namespace, name, n}
	c.withhold(t, "payment")
	c.start(t, b)
	c.awaitAt(t, b, stepCharge)
	return b
}

// handOver expects another leader than the one at the time, within the limit, and that it works: it returns a new order, whose
// first step has been answered.
func (c *cluster) handOver(t *testing.T, name, from string, begun time.Time, limit time.Duration) batch {
	t.Helper()
	took := c.awaitHandOver(t, from, limit+10*time.Second).Sub(begun).Round(10 * time.Millisecond)
	if took > limit {
		t.Errorf("the hand-over took %s, more than %s", took, limit)
	}
	probe := batch{shop, name + "-probe", 1}
	c.start(t, probe)
	eventually(t, time.Minute, "the first answer to "+probe.order(0), func() string {
		for _, saga := range c.sagas(t, probe) {
			if steps := saga.Status.Steps; len(steps) > 0 && steps[0].State == v1alpha1.StepSucceeded {
				return ""
			}
		}
		return "there is none"
	})
	t.Logf("the next manager led after %s; a new order had its first answer after %s", took, since(begun))
	return probe
}

func losesTheLeadersPod(t *testing.T, c *cluster) {
	b := c.inFlight(t, shop, "deleted", 30)
	leader := c.leader(t)
	begun := time.Now()
	if err := c.client.Delete(t.Context(), leader); err != nil {
		t.Fatal(err)
	}
	c.giveBack(t, "payment") // it answers into the hand-over
	probe := c.handOver(t, b.name, leader.Name, begun, afterSIGTERM)
	c.awaitEnds(t, b, time.Minute)
	c.awaitEnds(t, probe, time.Minute)
	c.awaitManagers(t)
	c.balanced(t, b, false)
}

func losesTheLeadersNodeToADrain(t *testing.T, c *cluster) {
	b := c.inFlight(t, shop, "drained", 30)
	c.refusesToLoseBoth(t)
	leader := c.leader(t)
	node := leader.Spec.NodeName
	t.Cleanup(func() { c.afterwards(t, "kubectl", "uncordon", node) })
	c.giveBack(t, "payment")
	c.kubectl(t, "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s")
	for _, pod := range c.awaitManagers(t) {
		if pod.Spec.NodeName == node {
			t.Errorf("%s is still on the drained node %s", pod.Name, node)
		}
	}
	c.awaitEnds(t, b, time.Minute)
	c.balanced(t, b, false)
}

// refusesToLoseBoth evicts the manager that waits, and expects that the leader may not be evicted before it is replaced.
func (c *cluster) refusesToLoseBoth(t *testing.T) {
	t.Helper()
	leader := c.leader(t)
	for _, pod := range c.awaitManagers(t) {
		if pod.Name != leader.Name {
			eventually(t, time.Minute, "the eviction of "+pod.Name, func() string {
				if err := c.evict(t, &pod); err != nil {
					return err.Error()
				}
				return ""
			})
		}
	}
	if err := c.evict(t, leader); !apierrors.IsTooManyRequests(err) {
		t.Errorf("the budget did not keep the leader from being evicted as well: %v", err)
	}
	c.awaitManagers(t)
}

func (c *cluster) evict(t *testing.T, pod *corev1.Pod) error {
	return c.client.SubResource("eviction").Create(t.Context(), pod, &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
	})
}

// losesTheLeadersNodeToACrash freezes the node that the leader is on. For the rest of the cluster it is gone; when it thaws, a
// leader of yesterday wakes up on it, in the middle of what it did.
func losesTheLeadersNodeToACrash(t *testing.T, c *cluster) {
	c.spread(t)
	b := c.inFlight(t, shop, "frozen", 30)
	leader := c.leader(t)
	node := leader.Spec.NodeName
	begun := time.Now()
	c.docker(t, "pause", node)
	thaw := sync.OnceFunc(func() { c.afterwards(t, "docker", "unpause", node) })
	t.Cleanup(thaw)
	probe := c.handOver(t, b.name, leader.Name, begun, afterNodeLoss)
	c.giveBack(t, "payment")
	c.awaitEnds(t, b, time.Minute)
	c.awaitEnds(t, probe, time.Minute)
	thaw()
	c.awaitEndOf(t, leader)
	c.kubectl(t, "wait", "--for=condition=Ready", "node/"+node, "--timeout=90s")
	c.awaitManagers(t)
	c.balanced(t, b, false)
}

// spread has the managers on two nodes again: nobody moves them back by itself when a node returns from a drain.
func (c *cluster) spread(t *testing.T) {
	t.Helper()
	leader := c.leader(t)
	for _, pod := range c.awaitManagers(t) {
		if pod.Name != leader.Name && pod.Spec.NodeName == leader.Spec.NodeName {
			if err := c.client.Delete(t.Context(), &pod); err != nil {
				t.Fatal(err)
			}
		}
	}
	if pods := c.awaitManagers(t); pods[0].Spec.NodeName == pods[1].Spec.NodeName {
		t.Fatalf("both managers are on %s again", pods[0].Spec.NodeName)
	}
}

// awaitEndOf waits until a manager that lost its lease has noticed: its process ends, and the pod starts another or goes.
func (c *cluster) awaitEndOf(t *testing.T, zombie *corev1.Pod) {
	t.Helper()
	eventually(t, startPatience, "the end of "+zombie.Name, func() string {
		var pod corev1.Pod
		err := c.client.Get(t.Context(), client.ObjectKeyFromObject(zombie), &pod)
		if apierrors.IsNotFound(err) || err == nil && pod.UID != zombie.UID {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		for _, container := range pod.Status.ContainerStatuses {
			if container.RestartCount > 0 {
				return ""
			}
		}
		return "its process has not ended"
	})
}
