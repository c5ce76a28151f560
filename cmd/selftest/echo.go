package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite", without cgo

	"github.com/sagas-dev/saga-operator/participant"
)

// Commands of the participant.
const (
	commandDo     = "do"
	commandUndo   = "undo"
	commandRefuse = "refuse"
)

// echo is a participant in this process. Its books are a database in memory: each run has keys of its own.
type echo struct {
	db     *sql.DB
	runner *participant.Runner

	mu    sync.Mutex
	heard map[string]map[string]int // by saga's name and command
}

// newEcho prepares a participant that reads from the topic.
func newEcho(ctx context.Context, o options) (*echo, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, fmt.Errorf("opening a database in memory: %w", err)
	}
	db.SetMaxOpenConns(1) // a second connection would be a second database
	if _, err := db.ExecContext(ctx, participant.Schema(participant.SQLite)); err != nil {
		return nil, fmt.Errorf("making the inbox: %w", err)
	}
	quiet := slog.New(slog.DiscardHandler)
	p, err := participant.New(participant.Config{Name: participantName, DB: db, Dialect: participant.SQLite, Logger: quiet})
	if err != nil {
		return nil, err
	}
	e := &echo{db: db, heard: map[string]map[string]int{}}
	p.Handle(commandDo, e.answer(commandDo, nil))
	p.Handle(commandUndo, e.answer(commandUndo, nil))
	p.Handle(commandRefuse, e.answer(commandRefuse, participant.Fail("SELFTEST", "refused on purpose, so that the saga is undone")))
	e.runner, err = runnerFor(o, p, quiet)
	return e, err
}

func runnerFor(o options, p *participant.Participant, log *slog.Logger) (*participant.Runner, error) {
	dialer, transport, err := o.kafka.Client(clientID).ForParticipants()
	if err != nil {
		return nil, err
	}
	return &participant.Runner{
		Brokers: o.kafka.Brokers, Topics: []string{o.topic}, Group: clientID + "-" + o.namespace,
		Processor: p, Alone: true, Dialer: dialer, Transport: transport, Logger: log,
	}, nil
}

// answer counts the command and gives the answer.
func (e *echo) answer(command string, answer error) participant.Handler {
	return func(_ context.Context, _ *sql.Tx, c participant.Command) (any, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.heard[c.SagaRef] == nil {
			e.heard[c.SagaRef] = map[string]int{}
		}
		e.heard[c.SagaRef][command]++
		return nil, answer
	}
}

// count is how often the saga's command came.
func (e *echo) count(ref, command string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard[ref][command]
}

// total is how many commands of the saga came.
func (e *echo) total(ref string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, times := range e.heard[ref] {
		n += times
	}
	return n
}
