package faults

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/crew"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// payment starts the payment service under a consumer group of that name: a new one reads the commands from their start, as one
// whose offsets were reset does.
func payment(t *testing.T, s *stage.Stage, group string) {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	err = s.Crew.Start(crew.Command{Name: "payment", Path: filepath.Join(root, "bin", "sample-services"), Args: []string{
		"payment", "--brokers", s.Broker, "--data", s.Data(), "--group", group, "--commands-topic", s.Topics + "payment.commands",
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// paymentFiles are the payment service's database, log included.
func paymentFiles(t *testing.T, s *stage.Stage) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Data(), "payment.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("looking for payment's database: %v, %v", files, err)
	}
	return files
}

func TestAServicesDatabaseIsRestoredToAnOlderState(t *testing.T) {
	aside(t)
	s := set(t, broker(t), 0)
	if err := s.StartManager("manager", alone...); err != nil {
		t.Fatal(err)
	}
	timed(t, s, 10*time.Second)
	order(t, s, "early", "order", false, time.Hour)
	await(t, s, "early", "over", over)
	s.Crew.Kill("payment")
	backup := map[string][]byte{}
	for _, file := range paymentFiles(t, s) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		backup[file] = content
	}
	payment(t, s, "payment")
	for name, definition := range map[string]string{"since": "order", "since-timed": "timed"} {
		order(t, s, name, definition, false, time.Hour)
		await(t, s, name, "over", over)
	}
	order(t, s, "since-declined", "order", true, time.Hour)
	await(t, s, "since-declined", "over", over)
	before := quiet(t, s)

	s.Crew.Kill("payment")
	var errs []error
	for _, file := range paymentFiles(t, s) {
		errs = append(errs, os.Remove(file))
	}
	for file, content := range backup {
		errs = append(errs, os.WriteFile(file, content, 0o600))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	payment(t, s, "payment")
	if now := quiet(t, s)["since"]; !strings.Contains(now, `"charged": "0"`) && !strings.Contains(now, `"charged": "0.00"`) {
		t.Fatalf("nobody asks again for what a saga has ended with, and yet the books are %s", now)
	}

	s.Crew.Kill("payment")
	time.Sleep(time.Until(sagas(t, s)["since-timed"].Status.Deadline.Time)) // as it will be in any real restore
	payment(t, s, "payment-again")
	after := quiet(t, s)
	for _, name := range []string{"early", "since", "since-declined"} {
		if after[name] != before[name] {
			t.Errorf("the books of %s were\n%s\nand are, after its commands were read again,\n%s", name, before[name], after[name])
		}
	}
	if after["since-timed"] == before["since-timed"] {
		t.Error("a command that had expired was executed again: docs/restore.md says that it is not")
	}
	if s := sagas(t, s); !over(new(s["since"])) || !over(new(s["early"])) {
		t.Error("a saga that had ended was changed by answers that came again")
	}
}
