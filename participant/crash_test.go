package participant_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sagas-dev/saga-operator/participant"
	"github.com/sagas-dev/saga-operator/participant/participanttest"
)

// How the test's own binary is told to be a service, so that it can be killed at an exact point as a process.
const (
	actAsService = "PARTICIPANT_TEST_SERVICE" // where to die: one of the points, or "nowhere"
	brokersEnv   = "PARTICIPANT_TEST_BROKERS"
	fileEnv      = "PARTICIPANT_TEST_FILE"
	postgresEnv  = "PARTICIPANT_TEST_POSTGRES" // takes the place of the file
	aloneEnv     = "PARTICIPANT_TEST_ALONE"
	publishEnv   = "PARTICIPANT_TEST_PUBLISH"

	effectBeforeCommit = "between effect and commit"
	commitBeforeReply  = "between commit and reply"
	replyBeforeOffset  = "between reply and offset commit"
	nowhere            = "nowhere"

	commands    = "shop.commands"
	deadLetters = "shop.deadletters"
	events      = "shop.events"
)

// die is a crash: nothing runs after it, no deferred call and no buffer.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// dying is a Processor that crashes once the transaction is committed.
type dying struct{ participant.Processor }

func (d dying) Process(ctx context.Context, m participant.Message) (participant.Message, error) {
	reply, err := d.Processor.Process(ctx, m)
	if err == nil && os.Getenv(actAsService) == commitBeforeReply {
		die()
	}
	return reply, err
}

func serveUntilKilled() int {
	driver, dialect, source := "sqlite", participant.SQLite, "file:"+os.Getenv(fileEnv)+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)"
	if dsn := os.Getenv(postgresEnv); dsn != "" {
		driver, dialect, source = "pgx", participant.PostgreSQL, dsn
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return 2
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	p, err := participant.New(participant.Config{Name: "shop", DB: db, Dialect: dialect, Logger: log})
	if err != nil {
		return 2
	}
	write := func(amount int) participant.Handler {
		return func(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
			_, err := tx.ExecContext(ctx, `INSERT INTO entries (forward_key, amount) VALUES ($1, $2)`, c.ForwardKey(), amount)
			if os.Getenv(actAsService) == effectBeforeCommit {
				die()
			}
			if err != nil || os.Getenv(publishEnv) == "" {
				return nil, err
			}
			return nil, p.Publish(ctx, tx, participant.Event{Name: "taken", CorrelationID: c.CorrelationID, Data: map[string]int{"amount": amount}})
		}
	}
	p.Handle("take", write(1))
	p.Handle("give", write(-1))
	runner := &participant.Runner{Brokers: strings.Split(os.Getenv(brokersEnv), ","), Topics: []string{commands}, Group: "shop",
		Processor: dying{p}, Outbox: p, SessionTimeout: time.Second, Grace: 500 * time.Millisecond, Alone: os.Getenv(aloneEnv) != "",
		DeadLetters: deadLetters, GiveUp: 200 * time.Millisecond, Logger: log}
	if err := runner.Run(context.Background()); err != nil {
		return 2
	}
	return 0
}

func startShop(t *testing.T, op *participanttest.Operator, file, point string, alone bool, more ...string) *exec.Cmd {
	t.Helper()
	log := &bytes.Buffer{}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), actAsService+"="+point, brokersEnv+"="+strings.Join(op.Brokers(), ","), fileEnv+"="+file)
	if alone {
		cmd.Env = append(cmd.Env, aloneEnv+"=yes")
	}
	cmd.Env = append(cmd.Env, more...)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the service: %v", err)
	}
	t.Cleanup(func() {
		killShop(t, cmd)
		if t.Failed() {
			t.Logf("log of the service that dies %s:\n%s", point, log)
		}
	})
	return cmd
}

func killShop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if cmd.ProcessState != nil {
		return
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("killing the service: %v", err)
	}
	_ = cmd.Wait() // says only that it was killed
}

// TestACrashAtAnyPointLosesNothingAndDoesNothingTwice kills the real process at each point between two effects, lets
// another take over, and looks at books and answers.
func TestACrashAtAnyPointLosesNothingAndDoesNothingTwice(t *testing.T) {
	for _, point := range []string{effectBeforeCommit, commitBeforeReply, replyBeforeOffset} {
		for mode, alone := range map[string]bool{"alone": true, "in a group": false} {
			t.Run(point+" "+mode, func(t *testing.T) { crashAt(t, point, alone) })
		}
	}
}

func crashAt(t *testing.T, point string, alone bool) {
	op := participanttest.Start(t, commands, deadLetters)
	file := filepath.Join(t.TempDir(), "books.db")
	db := prepared(t, openSQLite(t, file), participant.SQLite)
	committing := make(chan struct{}, 1)
	if point == replyBeforeOffset {
		op.Broker.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
			select {
			case committing <- struct{}{}:
			default:
			}
			return nil, errors.New("the connection broke"), true
		})
	}
	first := startShop(t, op, file, point, alone)
	op.Send(t, commands, take)
	if point == replyBeforeOffset {
		op.Next(t)
		<-committing
		killShop(t, first)
	} else if err := first.Wait(); err == nil {
		t.Fatal("the service did not die")
	}
	startShop(t, op, file, nowhere, alone)
	if got := op.Next(t); got.CommandID != take.ID() || got.Outcome != "succeeded" {
		t.Errorf("the command that was in hand was answered %+v", got)
	}
	if got := op.Ask(t, commands, give); got.Outcome != "succeeded" {
		t.Errorf("undoing was answered %+v", got)
	}
	(&shop{db: db}).expectBooks(t, 1, 0)
}

func TestWhatCannotBeAnsweredIsKeptAndDoesNotBlockTheRest(t *testing.T) {
	op := participanttest.Start(t, commands, deadLetters)
	file := filepath.Join(t.TempDir(), "books.db")
	db := prepared(t, openSQLite(t, file), participant.SQLite)
	startShop(t, op, file, nowhere, true)
	for i := range 20 {
		op.SendMessage(t, participant.Message{Topic: commands, Key: fmt.Append(nil, i), Value: []byte("no command")})
	}
	op.Send(t, commands, ask{Saga: "b", Type: "shop.take", ReplyTo: "nobody.made.this"},
		ask{Saga: "c", Type: "shop.take", ReplyPartition: 99})
	if got := op.Ask(t, commands, take); got.Outcome != "succeeded" {
		t.Errorf("answered %+v", got)
	}
	deadline := time.Now().Add(participanttest.Patience)
	for op.Written(t, deadLetters) < 22 && time.Now().Before(deadline) {
		<-time.After(20 * time.Millisecond)
	}
	if n := op.Written(t, deadLetters); n != 22 {
		t.Errorf("%d dead letters, want 20 that are no commands and 2 that cannot be answered", n)
	}
	(&shop{db: db}).expectBooks(t, 3, 3)
}
