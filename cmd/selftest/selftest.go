package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// session is one run.
type session struct {
	options
	out     io.Writer
	cluster *cluster
	broker  *kafka.Client
	echo    *echo
	made    bool // the topic is ours
}

// selftest does all of it. Its error says what is wrong, and what was left behind.
func selftest(ctx context.Context, o options, out io.Writer) (err error) {
	t := &session{options: o, out: out}
	if t.cluster, err = connect(o); err != nil {
		return err
	}
	if t.broker, err = kafka.Connect(o.kafka.Client(clientID)); err != nil {
		return err
	}
	defer t.broker.Close()
	if t.echo, err = newEcho(ctx, o); err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("--timeout=%s has passed", o.timeout))
	defer cancel()
	if err := t.prepare(limited); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.tidy(context.WithoutCancel(ctx))) }()
	serving, stop := context.WithCancelCause(limited)
	defer stop(nil) // its reader may then wait for the broker's next answer a while: nobody waits for it
	go func() { stop(t.echo.runner.Run(serving)) }()
	return t.run(serving)
}

// prepare looks at what has to be there, before anything is made.
func (t *session) prepare(ctx context.Context) error {
	if err := t.cluster.check(ctx, t.namespace); err != nil {
		return err
	}
	t.say("the API server has the operator's resources, and may be asked for them")
	if err := t.clear(ctx); err != nil {
		return err
	}
	return t.makeTopic(ctx)
}

// makeTopic looks for the topic, and makes it where it is missing.
func (t *session) makeTopic(ctx context.Context) error {
	seen, err := t.broker.Topics(ctx, t.topic)
	if err != nil {
		return &trouble{fmt.Errorf("asking the brokers for topic %s: %w", t.topic, err),
			"--kafka-brokers and the flags for TLS and SASL, and whether this pod may reach the brokers (NetworkPolicy)"}
	}
	if found := seen[t.topic]; found.Exists {
		t.say("topic %s exists, with %d partitions", t.topic, found.Partitions)
		return nil
	}
	if t.made, err = t.broker.MakeTopic(ctx, t.topic, 1); err != nil {
		return &trouble{fmt.Errorf("topic %s does not exist and could not be made: %w", t.topic, err),
			"make the topic, or name one that exists with --topic, or let this user create topics"}
	}
	t.say("topic %s was missing and is made", t.topic)
	return nil
}

// run makes the participant and the sagas, and waits for what becomes of them.
func (t *session) run(ctx context.Context) error {
	if err := t.cluster.create(ctx, theParticipant(t.namespace, t.topic)); err != nil {
		return err
	}
	began := time.Now()
	if err := t.awaitParticipant(ctx); err != nil {
		return err
	}
	t.say("the operator sees the participant and its topic, after %s", since(began))
	for _, trial := range trials(t.namespace, "saga-selftest-"+rand.String(6)) {
		began := time.Now()
		if err := t.cluster.create(ctx, trial.saga); err != nil {
			return err
		}
		if err := t.awaitSaga(ctx, trial); err != nil {
			return err
		}
		if err := t.compare(trial); err != nil {
			return err
		}
		t.say("saga %s is %s, after %s", trial.saga.Name, trial.phase, since(began))
	}
	return nil
}

// compare holds what the participant did against what it should have.
func (t *session) compare(trial trial) error {
	var wrong []string
	for command, want := range trial.heard {
		if got := t.echo.count(trial.ref(), command); got != want {
			wrong = append(wrong, fmt.Sprintf("%s %d times instead of %d", command, got, want))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &trouble{fmt.Errorf("saga %s is %s, but its participant was asked to %s", trial.saga.Name, trial.phase, strings.Join(wrong, ", ")),
		"whether another selftest runs in this namespace or on this topic at the same time"}
}

func (t *session) say(format string, args ...any) { fmt.Fprintf(t.out, "ok    "+format+"\n", args...) }

func since(t time.Time) time.Duration { return time.Since(t).Round(10 * time.Millisecond) }
