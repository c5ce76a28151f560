// Package tree draws the steps of a saga: how they depend on each other, where each stands, and what was asked and answered.
package tree

import (
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// node is a step with those that follow it.
type node struct {
	step     *v1alpha1.Step
	index    int
	joins    []string // what it waits for beside the step that it hangs under
	children []*node
}

// stretch is a part of the steps that the others wait for: those before the point of no return, the pivot, and those after it.
type stretch struct {
	roots        []*node
	beyondReturn bool // it begins with the point of no return, or stands after it
}

// shape arranges steps. In a sequence every step is a root; in a graph a step hangs under the last listed of those it waits for.
func shape(steps []v1alpha1.Step) []stretch {
	graph := slices.ContainsFunc(steps, func(s v1alpha1.Step) bool { return len(s.DependsOn) > 0 })
	var stretches []stretch
	nodes := map[string]*node{}
	for i := range steps {
		step := &steps[i]
		if i == 0 || rank(step) != rank(&steps[i-1]) {
			stretches = append(stretches, stretch{beyondReturn: rank(step) > 0 && (i == 0 || rank(&steps[i-1]) == 0)})
			nodes = map[string]*node{} // what stands before is waited for anyway
		}
		current := &stretches[len(stretches)-1]
		n := &node{step: step, index: i}
		if parent := n.hang(nodes); graph && parent != nil {
			parent.children = append(parent.children, n)
		} else {
			current.roots = append(current.roots, n)
		}
		nodes[step.Name] = n
	}
	return stretches
}

// hang returns the node that n hangs under, of those that are known, and notes what else it waits for.
func (n *node) hang(known map[string]*node) *node {
	var parent *node
	for _, name := range n.step.DependsOn {
		if d := known[name]; d != nil && (parent == nil || d.index > parent.index) {
			parent = d
		}
	}
	for _, name := range n.step.DependsOn {
		if parent != nil && name != parent.step.Name {
			n.joins = append(n.joins, name)
		}
	}
	return parent
}

func rank(step *v1alpha1.Step) int {
	switch step.Recovery {
	case v1alpha1.RecoveryPivot:
		return 1
	case v1alpha1.RecoveryRetriable:
		return 2
	case v1alpha1.RecoveryCompensatable:
	}
	return 0
}
