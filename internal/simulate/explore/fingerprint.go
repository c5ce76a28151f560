package explore

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// fingerprint tells worlds from each other: lives that have come to the same one go on alike.
type fingerprint [sha256.Size]byte

func (r *run) fingerprint(faults int) fingerprint {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %t %d %d %t %v", faults, r.faults == 0, r.world.Now.Unix(), r.lives, r.unread, r.saga.Spec)
	for _, s := range r.world.Sagas {
		b.Write(s.Store.Fingerprint())
		for _, reply := range s.Replies {
			writeReply(&b, reply.Replied)
		}
	}
	for _, m := range r.world.Commands {
		b.WriteString(m.ID())
	}
	for _, l := range r.late {
		fmt.Fprintf(&b, "late %d %s", l.fault, l.SagaUID)
		writeReply(&b, l.Replied)
	}
	for _, e := range r.saga.Events {
		fmt.Fprintf(&b, " %s %s", e.Source, e.ID)
	}
	for _, l := range r.lateEvents {
		fmt.Fprintf(&b, " late %d %s", l.step, l.ID)
	}
	fmt.Fprintf(&b, " %v %v", r.happened, r.world.Events)
	for i, s := range r.x.Definition.Steps {
		for _, d := range []engine.Direction{engine.Forward, engine.Backward} {
			p := place{s.Name, d}
			h, at := r.habits[p], r.begun[p]
			fmt.Fprintf(&b, " %d %d %d %d", i, h.fault, h.left, at.Unix())
		}
	}
	r.manager.Describe(&b)
	r.world.Books.Describe(&b)
	for _, t := range r.saga.Run.Timers(r.state()) {
		at, _ := r.dueAt(t)
		fmt.Fprintf(&b, " %d", at.Unix())
	}
	return sha256.Sum256([]byte(b.String()))
}

func writeReply(w io.Writer, e engine.Replied) {
	fmt.Fprintf(w, " %s %s %d %d %s %s", e.Step, e.Direction, e.Round, e.Attempt, e.Outcome, e.Body)
}
