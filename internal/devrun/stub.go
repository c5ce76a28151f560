package devrun

import (
	"context"
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/casetest"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// stubs stand in for participants that are not there. They see commands as they leave, and never read the topics: so whoever
// does is a real service.
type stubs struct {
	producer producer
	scripts  map[string]*casetest.Script // by the definition's name
	cases    map[string]casetest.Case    // likewise: what else a script describes
	answered map[string]bool             // ids of commands, and decisions that were taken
	real     map[string]bool             // participants that were there when it was looked last
}

// look sees which participants are there, and tells of changes.
func (r *session) look() {
	for _, name := range r.topics.needed() {
		real := slices.Contains(r.o.Real, name)
		if !real && !slices.Contains(r.o.Stub, name) {
			real = r.broker.Read(r.topics.of(name).Commands)
		}
		before, known := r.stubs.real[name]
		r.stubs.real[name] = real
		switch {
		case real && !before:
			r.screen.line("participant %s: real, it reads %s", name, r.topics.of(name).Commands)
		case !real && (before || !known):
			r.screen.line("participant %s: stub, nobody reads %s", name, r.topics.of(name).Commands)
		}
	}
}

// standIn answers, in place of participants that are not there, what the broker has and nobody has answered.
func (r *session) standIn(ctx context.Context) error {
	for _, s := range r.sagas {
		for _, c := range s.Pending() {
			if c.Publish || r.stubs.real[c.Participant] {
				continue
			}
			acked, ok := r.sender.Acknowledged(s, c)
			if !ok {
				continue
			}
			if err := r.answer(ctx, s, c, acked); err != nil {
				return err
			}
		}
		r.decide(s)
		if err := r.autoEvents(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// decide takes the decisions of the script, each once per saga, as soon as their steps wait.
func (r *session) decide(s *local.Saga) {
	k := r.stubs.cases[definitionOf(s)]
	for i, d := range k.Decisions {
		place := fmt.Sprintf("%s/decision/%d", s.Identity.UID, i)
		if step := s.Step(d.Step); !r.stubs.answered[place] && casetest.AwaitsDecision(step) {
			r.stubs.answered[place] = true
			r.screen.line("the script decides %s about %s of %s", d.Action, d.Step, s.Identity.Name)
			r.turn(s, d.Resolve(step, k.Name))
		}
	}
}

func (r *session) answer(ctx context.Context, s *local.Saga, c engine.Command, acked time.Time) error {
	id := r.sender.encoder.CommandID(s.Identity, c)
	if r.stubs.answered[id] {
		return nil
	}
	asked := casetest.Asked{Step: c.Step, Direction: c.Direction, Round: c.Round, Attempt: c.Attempt}
	reply, err := r.scriptOf(s).Answer(asked, &s.Definition)
	if err != nil {
		r.screen.line("stub %s cannot answer %s of %s: %v", c.Participant, describe(c), s.Identity.Name, err)
		reply.Silent = true
	}
	if !reply.Silent && time.Since(acked) < reply.After {
		return nil // later
	}
	if reply.Silent {
		r.stubs.answered[id] = true
		r.screen.line("stub %s is silent about %s of %s", c.Participant, describe(c), s.Identity.Name)
		return nil
	}
	m, err := replyTo(r.sender.messages[id], c.Participant, reply, r.now())
	if err != nil {
		return fmt.Errorf("answering %s: %w", id, err)
	}
	if err := r.stubs.producer.Send(ctx, []wire.Message{m}); err != nil {
		return fmt.Errorf("answering %s: %w", id, err)
	}
	r.stubs.answered[id] = true
	r.screen.line("stub %s answers %s %s to %s of %s", c.Participant, reply.Outcome, reply.Body, describe(c), s.Identity.Name)
	return nil
}

// replyTo is the message that answers a command.
func replyTo(command wire.Message, participant string, reply casetest.Reply, now time.Time) (wire.Message, error) {
	c, err := wire.DecodeCommand(command)
	if err != nil {
		return wire.Message{}, err
	}
	answer := wire.ReplyTo(c)
	answer.ID, answer.Source, answer.Time = "stub/"+c.ID(), "/"+participant, now
	answer.Outcome, answer.Body, answer.DataSchema = wire.Outcome(reply.Outcome), reply.Body, reply.DataSchema
	return wire.EncodeReply(answer, c.ReplyTo, c.ReplyPartition)
}

func (r *session) scriptOf(s *local.Saga) *casetest.Script {
	if script := r.stubs.scripts[definitionOf(s)]; script != nil {
		return script
	}
	return r.noScript
}

// definitionOf is the name of the definition that the saga runs; empty where it holds its own.
func definitionOf(s *local.Saga) string {
	if s.Object.Spec.DefinitionRef == nil {
		return ""
	}
	return s.Object.Spec.DefinitionRef.Name
}

func stepOf(s *local.Saga, name string) *v1alpha1.Step {
	for i := range s.Definition.Steps {
		if s.Definition.Steps[i].Name == name {
			return &s.Definition.Steps[i]
		}
	}
	return nil
}
