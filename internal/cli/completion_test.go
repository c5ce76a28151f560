package cli

import (
	"slices"
	"strings"
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// offered is what a shell would offer for the last word.
func (c *cluster) offered(words ...string) []string {
	c.t.Helper()
	args := []string{"__complete", words[0], "--kubeconfig", c.kube, "-n", c.namespace}
	p := runWith("", append(args, words[1:]...)...)
	var offers []string
	for _, line := range strings.Split(p.out, "\n") {
		if line != "" && !strings.HasPrefix(line, ":") {
			offers = append(offers, strings.Split(line, "\t")[0])
		}
	}
	return offers
}

func TestNamesAreCompleted(t *testing.T) {
	c := newCluster(t)
	c.pinned("checkout", action("reserve", "inventory", "reserve", "release"))
	c.make("order-1", undoneByHand(needs("charge", 1), withStep(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepSucceeded}))...)
	c.make("order-2")
	for _, tc := range []struct {
		words []string
		want  []string
	}{
		{[]string{"why", ""}, []string{"order-1", "order-2"}},
		{[]string{"why", "order-1", ""}, nil},
		{[]string{"abort", "order-1", ""}, []string{"order-2"}},
		{[]string{"get", "order-2"}, []string{"order-2"}},
		{[]string{"start", ""}, []string{"checkout"}},
		{[]string{"resolve", "order-1", ""}, []string{"charge"}},
		{[]string{"resolve", "order-1", "charge", ""}, nil},
		{[]string{"resolve", "order-1", "--action", ""}, []string{"Retry", "Skip", "MarkDone", "Compensate"}},
		{[]string{"get", "-o", ""}, []string{"wide", "json", "yaml", "name"}},
		{[]string{"get", "--namespace", c.namespace}, []string{c.namespace}},
		{[]string{"get", "--context", ""}, []string{"saga-operator"}},
		{[]string{"resolve", "missing", ""}, nil},
	} {
		if got := c.offered(tc.words...); !slices.Equal(got, tc.want) {
			t.Errorf("%q offers %q; want %q", tc.words, got, tc.want)
		}
	}
}

func TestWithoutAClusterNothingIsOffered(t *testing.T) {
	c := &cluster{t: t, kube: "/does/not/exist", namespace: "x"}
	if got := c.offered("why", ""); got != nil {
		t.Errorf("offered is %q", got)
	}
}

func TestEveryShellHasItsScript(t *testing.T) {
	for shell, part := range map[string]string{"bash": "__start_kubectl-saga", "zsh": "#compdef kubectl-saga", "fish": "complete -c kubectl-saga"} {
		expect(t, runWith("", "completion", shell), 0, part)
	}
}
