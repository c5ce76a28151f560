package engine_test

import (
	"testing"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// BenchmarkNext decides about the answer to the middle one of 64 steps: forward, and backward.
func BenchmarkNext(b *testing.B) {
	for name, outcome := range map[string]engine.Outcome{"forward": engine.Succeeded, "backward": engine.Failed} {
		b.Run(name, func(b *testing.B) {
			p, err := engine.Compile(definition(b, many(64)), empty{})
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
}
