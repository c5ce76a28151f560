package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite", without cgo

	"github.com/sagas-dev/saga-operator/internal/config"
	"github.com/sagas-dev/saga-operator/participant"
)

// Commands of the participant.
const (
	commandDo     = "do"
	commandUndo   = "undo"
	commandRefuse = "refuse"
)

// echo is a participant in this process. Its inbox is a database in memory, which goes with the process: each run has keys of its own.
type echo struct {
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
	e := &echo{heard: map[string]map[string]int{}}
	p.Handle(commandDo, e.answer(commandDo, nil))
	p.Handle(commandUndo, e.answer(commandUndo, nil))
	p.Handle(commandRefuse, e.answer(commandRefuse, participant.Fail("SELFTEST", "refused on purpose, so that the saga is undone")))
	e.runner = &participant.Runner{
		Brokers: o.kafka.Brokers, Security: securityOf(o.kafka), Topics: []string{o.topic}, Group: clientID + "-" + o.namespace,
		Processor: p, Alone: true, Logger: quiet,
	}
	return e, nil
}

func securityOf(k config.Kafka) participant.Security {
	return participant.Security{
		TLS: k.TLS, CAFile: k.CAFile, CertFile: k.CertFile, KeyFile: k.KeyFile,
		SASL: k.SASL, UsernameFile: k.UsernameFile, PasswordFile: k.PasswordFile,
	}
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
