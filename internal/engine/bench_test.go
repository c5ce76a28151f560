package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// BenchmarkNext decides about the answer to the middle one of 64 steps, forward and backward: in a sequence, and in a graph
// whose steps depend on the eight before them. What a decision allocates grows with the steps, not with what has happened.
func BenchmarkNext(b *testing.B) {
	for _, shape := range []struct{ name, def string }{{"sequence", many(64)}, {"graph", tangle(64)}} {
		for name, outcome := range map[string]engine.Outcome{"forward": engine.Succeeded, "backward": engine.Failed} {
			benchmarkNext(b, shape.name+"/"+name, shape.def, outcome)
		}
	}
}

// tangle is a graph of n steps.
func tangle(n int) string {
	var steps []string
	for i := range n {
		var after []string
		for j := max(0, i-8); j < i; j++ {
			after = append(after, fmt.Sprintf("s%d", j))
		}
		step := fmt.Sprintf("s%d", i)
		if len(after) > 0 {
			step += " after=" + strings.Join(after, "+")
		}
		steps = append(steps, step)
	}
	return strings.Join(steps, " | ")
}

func benchmarkNext(b *testing.B, name, def string, outcome engine.Outcome) {
	b.Run(name, func(b *testing.B) {
		p, err := engine.Compile(definition(b, def), empty{})
		if err != nil {
			b.Fatal(err)
		}
		s := &story{t: b, program: p, run: p.For(engine.Saga{UID: "uid-1", IdempotencyKey: "k"}), now: morning}
		s.play("start")
		for range 32 {
			s.play(s.pending()[0].Step + ` ok {"id":"r-81","at":"2026-11-22T10:00:00Z"}`)
		}
		events := []engine.Event{engine.Replied{Step: s.pending()[0].Step, Direction: engine.Forward, Round: 1, Attempt: 1, Outcome: outcome}}
		b.ReportAllocs()
		for b.Loop() {
			s.run.Next(s.state, s.now, events)
		}
	})
}
