package devrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// loop is the session's life. Whatever happens wakes it, and it then looks at all sagas: on one machine they are few.
func (r *session) loop(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.readable:
	}
	if err := r.begin(); err != nil {
		return err
	}
	stubs, files := time.NewTicker(lookAtStubs), time.NewTicker(lookAtFiles)
	defer stubs.Stop()
	defer files.Stop()
	timeout := r.timeout()
	for {
		err := r.visit(ctx)
		if ctx.Err() != nil {
			return nil // whatever could not be sent any more
		}
		r.screen.trouble(err) // what could not be sent is sent at the next visit
		r.screen.show(r.sagas, r.stubs.real)
		if r.o.Once && r.allEnded() {
			return r.verdict()
		}
		select {
		case <-timeout:
			return r.timedOut()
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-time.After(r.untilDue()):
		case <-stubs.C:
			r.look()
		case <-files.C:
			if r.filesChanged() {
				r.screen.trouble(r.reload())
			}
		}
	}
}

// begin reads the files and starts what they hold. What is wrong with them now ends the session, before it is ready; later it is
// only told.
func (r *session) begin() error {
	r.filesChanged()
	files, err := r.load()
	if err == nil {
		err = r.check(files)
	}
	if err != nil {
		return InputError{err}
	}
	r.screen.always("Ready: broker on %s", r.broker.Addr())
	if err := r.take(files); err != nil {
		return err
	}
	r.look()
	return nil
}

// check says what is wrong with files and options, taken together.
func (r *session) check(files *loaded) error {
	if r.o.Once && len(files.sagas) == 0 {
		return ErrNothingToRun
	}
	errs := []error{r.topics.check("--real", r.o.Real), r.topics.check("--stub", r.o.Stub)}
	for _, saga := range files.sagas {
		if _, err := definitionIn(files.set, saga); err != nil {
			errs = append(errs, fmt.Errorf("saga %q: %w", saga.Name, err))
		}
	}
	return errors.Join(errs...)
}

// visit takes what was answered and what occurred, and lets stubs answer.
func (r *session) visit(ctx context.Context) error {
	r.occur()
	for _, s := range r.sagas {
		if err := r.visitSaga(ctx, s); err != nil {
			return err
		}
	}
	return r.standIn(ctx)
}

func (r *session) visitSaga(ctx context.Context, s *local.Saga) error {
	r.ear = ear{r.inbox.Heard()} // before the replies are taken: what comes later must not count as silence
	deliveries := r.inbox.TakeNamed(s.Identity.Namespace, s.Identity.Name)
	events := make([]engine.Event, len(deliveries))
	for i, d := range deliveries {
		events[i] = repliedOf(d.Reply)
	}
	if len(events) == 0 && s.Ended() {
		return nil
	}
	verdicts := r.turn(s, events...)
	for i, d := range deliveries {
		if verdicts[i] != engine.Late {
			continue
		}
		if err := r.inbox.DeadLetter(ctx, d, wire.ReasonAfterEnd); err != nil {
			return err
		}
	}
	r.inbox.Settle(deliveries...) // what is Unheard was never asked: nobody will
	return nil
}

func repliedOf(reply wire.Reply) engine.Replied {
	return engine.Replied{
		Step: reply.Step, Direction: engine.Direction(reply.Direction), Round: reply.Round, Attempt: reply.Attempt,
		Outcome: engine.Outcome(reply.Outcome), Body: reply.Body, DataSchema: reply.DataSchema,
	}
}

// turn tells the saga what happened. What cannot be sent is told, and tried again at the next visit.
func (r *session) turn(s *local.Saga, events ...engine.Event) []engine.Verdict {
	for _, e := range events {
		if reply, ok := e.(engine.Replied); ok && r.stubs.real[r.participantOf(s, reply.Step)] {
			r.screen.line("%s answers %s %s to %s of %s", r.participantOf(s, reply.Step), reply.Outcome, reply.Body, reply.Step, s.Identity.Name)
		}
	}
	verdicts, err := r.runner.Turn(s, events...)
	r.screen.trouble(err)
	return verdicts
}

func (r *session) participantOf(s *local.Saga, step string) string {
	if def := stepOf(s, step); def != nil {
		return def.Participant
	}
	return ""
}

func (r *session) tellSent(s *local.Saga, c engine.Command) {
	r.screen.line("%s sends %s %s", s.Identity.Name, describe(c), c.Data)
}

// untilDue is how long nothing happens by itself.
func (r *session) untilDue() time.Duration {
	least := time.Hour
	for _, s := range r.sagas {
		if due, ok := r.runner.Due(s); ok {
			least = min(least, due.Sub(r.now()))
		}
	}
	return max(least, 10*time.Millisecond)
}

func (r *session) allEnded() bool {
	for _, s := range r.sagas {
		if !s.Ended() && !waitsForPerson(s) {
			return false
		}
	}
	return true
}

// waitsForPerson says whether nothing goes on before somebody decides.
func waitsForPerson(s *local.Saga) bool {
	approval := apimeta.FindStatusCondition(s.Object.Status.Conditions, v1alpha1.ConditionSuspended)
	awaits := approval != nil && approval.Reason == v1alpha1.ReasonAwaitingApproval && len(s.Pending()) == 0
	return awaits || s.Phase() == v1alpha1.PhaseNeedsIntervention
}

// timeout fires when the session is to end whatever its sagas wait for; a nil channel never does.
func (r *session) timeout() <-chan time.Time {
	if !r.o.Once || r.o.Timeout == 0 {
		return nil
	}
	return time.After(r.o.Timeout)
}

// timedOut names the sagas that have not ended.
func (r *session) timedOut() error {
	var waiting []string
	for _, s := range r.sagas {
		if s.Ended() || waitsForPerson(s) {
			continue
		}
		text := fmt.Sprintf("%s is %s", s.Identity.Name, s.Phase())
		if what := s.Object.Status.WaitingFor; what != "" {
			text += ", waiting for " + what
		}
		waiting = append(waiting, text)
	}
	return fmt.Errorf("%w (%s): %s", ErrTimeout, r.o.Timeout, strings.Join(waiting, "; "))
}

func (r *session) verdict() error {
	for _, s := range r.sagas {
		if s.Phase() != v1alpha1.PhaseCompleted {
			return ErrNotCompleted
		}
	}
	return nil
}
