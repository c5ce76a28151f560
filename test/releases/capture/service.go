package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", without cgo

	"github.com/sagas-dev/saga-operator/participant"
)

// startService runs the participant of the stories, whose commands say how they are answered.
func (s *stage) startService(ctx context.Context) error {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // a second connection would be a second database
	if _, err := db.ExecContext(ctx, participant.Schema(participant.SQLite)); err != nil {
		return fmt.Errorf("making the inbox: %w", err)
	}
	quiet := slog.New(slog.DiscardHandler)
	p, err := participant.New(participant.Config{Name: service, DB: db, Dialect: participant.SQLite, Logger: quiet})
	if err != nil {
		return err
	}
	put := participant.RetryAfter(time.Hour, fmt.Errorf("later"))
	no := participant.Fail("REFUSED", "the service refuses this on purpose")
	p.Handle(answers, answer(nil))
	p.Handle(silent, answer(nil))
	p.Handle(refuses, answer(no))
	p.Handle(failOnce, answer(no))
	p.Handle(busy, answer(put))
	p.Handle(busyOnce, answer(participant.RetryAfter(time.Second, fmt.Errorf("later"))))
	serving, stop := context.WithCancel(ctx)
	s.stop = stop
	runner := &participant.Runner{
		Brokers: []string{s.broker.Addr()}, Topics: []string{commandsTopic}, Group: service, Alone: true, Logger: quiet,
		Processor: &muffled{next: p, asked: map[string]int{}},
	}
	go func() { _ = runner.Run(serving) }() // its configuration is ours; it ends with the process
	return nil
}

func answer(err error) participant.Handler {
	return func(_ context.Context, _ *sql.Tx, c participant.Command) (any, error) {
		return map[string]string{"answer": "to " + c.Step}, err
	}
}

// muffled lets some answers go where nobody hears them.
type muffled struct {
	next participant.Processor

	mu    sync.Mutex
	asked map[string]int // by saga and command
}

// Process answers as the command's name says.
func (m *muffled) Process(ctx context.Context, asked participant.Message) (participant.Message, error) {
	answer, err := m.next.Process(ctx, asked)
	if err == nil && m.unheard(asked) {
		answer.Topic, answer.Partition = nowhereTopic, 0
	}
	return answer, err
}

func (m *muffled) unheard(asked participant.Message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind := headersOf(asked)["ce_type"]
	place := string(asked.Key) + kind
	m.asked[place]++
	_, command, _ := strings.Cut(kind, ".")
	return command == silent || m.asked[place] > 1 && (command == busyOnce || command == failOnce)
}

func headersOf(m participant.Message) map[string]string {
	headers := map[string]string{}
	for _, h := range m.Headers {
		headers[h.Key] = string(h.Value)
	}
	return headers
}
