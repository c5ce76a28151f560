package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// waiting makes an entry; kind is undo or do, age how old its saga is.
func waiting(namespace, name, kind string, age time.Duration) *entry {
	return &entry{
		saga: Saga{UID: namespace + name, Namespace: namespace, Name: name, Created: noon.Add(-age)},
		item: Item{ID: name, Backward: kind == "undo"},
	}
}

// order pops everything.
func (q *fairQueue) order() []string {
	var names []string
	for e := q.pop(); e != nil; e = q.pop() {
		names = append(names, e.saga.Name)
	}
	return names
}

func TestTurnsInTheQueue(t *testing.T) {
	type in struct {
		namespace, name, kind string
		age                   time.Duration
	}
	for name, c := range map[string]struct {
		in   []in
		want string
	}{
		"undoing gets four of five slots": {
			[]in{{"a", "d1", "do", 0}, {"a", "d2", "do", 0}, {"a", "u1", "undo", 0}, {"a", "u2", "undo", 0}, {"a", "u3", "undo", 0},
				{"a", "u4", "undo", 0}, {"a", "u5", "undo", 0}, {"a", "u6", "undo", 0}},
			"u1 u2 u3 u4 d1 u5 u6 d2",
		},
		"doing takes every slot that undoing leaves": {[]in{{"a", "d1", "do", 0}, {"a", "d2", "do", 0}, {"a", "d3", "do", 0}}, "d1 d2 d3"},
		"old sagas go before new ones, whoever came first": {
			[]in{{"a", "young", "do", time.Minute}, {"a", "old", "do", time.Hour}, {"a", "middle", "do", 10 * time.Minute}}, "old middle young",
		},
		"of equal age, what came first goes first": {[]in{{"a", "1", "do", 0}, {"a", "2", "do", 0}, {"a", "3", "do", 0}}, "1 2 3"},
		"namespaces take turns, whatever the age of their sagas": {
			[]in{{"a", "a1", "do", time.Hour}, {"a", "a2", "do", time.Hour}, {"a", "a3", "do", time.Hour}, {"b", "b1", "do", 0}, {"c", "c1", "do", 0}},
			"a1 b1 c1 a2 a3",
		},
		"namespaces take turns among what is undone, too": {
			[]in{{"a", "a1", "undo", time.Hour}, {"a", "a2", "undo", time.Hour}, {"b", "b1", "undo", 0}}, "a1 b1 a2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := &fairQueue{}
			for _, i := range c.in {
				q.push(waiting(i.namespace, i.name, i.kind, i.age))
			}
			if got := strings.Join(q.order(), " "); got != c.want {
				t.Errorf("order %s, not %s", got, c.want)
			}
		})
	}
}

func TestANamespaceThatComesAndGoesKeepsNoPlaceAndLosesNoTurn(t *testing.T) {
	q := &fairQueue{}
	for round := range 3 {
		for n := range 100 {
			q.push(waiting(fmt.Sprintf("ns-%d", n), fmt.Sprintf("%d-%d", round, n), "do", 0))
		}
		if got := len(slices.Compact(slices.Sorted(slices.Values(q.order())))); got != 100 {
			t.Fatalf("%d of 100 came out", got)
		}
		if len(q.do.order) != 0 || len(q.do.of) != 0 {
			t.Fatalf("%d namespaces are remembered although they wait for nothing", len(q.do.of))
		}
	}
}

func TestALoudNamespaceDelaysAQuietOneByOneTurnAtMost(t *testing.T) {
	q := &fairQueue{}
	for n := range 10_000 {
		q.push(waiting("loud", fmt.Sprintf("l%d", n), "do", time.Hour))
	}
	for range 10 {
		q.pop()
		q.push(waiting("quiet", "q", "do", 0))
		if first, second := q.pop(), q.pop(); first.saga.Name != "q" && second.saga.Name != "q" {
			t.Fatalf("%s and %s went before the quiet namespace", first.saga.Name, second.saga.Name)
		}
	}
}
