package participant_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/participant"
)

// saying makes take and give answer with a version.
func (s *shop) saying(dataSchema string) {
	for command, do := range map[string]participant.Handler{"take": s.take, "give": s.give} {
		s.Handle(command, func(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
			output, err := do(ctx, tx, c)
			return participant.Output{DataSchema: dataSchema, Data: output}, err
		})
	}
}

func TestARepeatedAnswerSaysTheSameVersionOfItsData(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		for _, a := range []ask{take, give} {
			s := newShop(t, db, d)
			s.saying("shop/taken/v2")
			first := s.expect(t, a, "succeeded", "")
			if first.DataSchema != "shop/taken/v2" {
				t.Errorf("%s was answered with version %q", a.ID(), first.DataSchema)
			}
			later := newShop(t, db, d) // the service was restarted, and knows a newer version
			later.saying("shop/taken/v3")
			for range 2 { // repeating changes nothing for who repeats it next
				again := later.expect(t, a, "succeeded", "")
				if again.DataSchema != first.DataSchema || again.Body != first.Body || !again.Time.Equal(first.Time) {
					t.Errorf("%s was answered %+v, then %+v", a.ID(), first, again)
				}
			}
		}
	})
}

func TestAnAnswerThatSaysNoVersionHasNone(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		s.saying("shop/taken/v2")
		s.after = func(context.Context, *sql.Tx, participant.Command) error { return participant.Fail("NO", "not today") }
		if got := s.expect(t, take, "failed", "NO"); got.DataSchema != "" {
			t.Errorf("a failure was answered with version %q", got.DataSchema)
		}
		other := ask{Saga: "b", Type: "shop.take"}
		s = newShop(t, db, d)
		for range 2 {
			if got := s.expect(t, other, "succeeded", ""); got.DataSchema != "" {
				t.Errorf("answered with version %q", got.DataSchema)
			}
		}
	})
}

func TestAVersionBeyondItsBoundIsAnsweredAndRolledBack(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		s.saying(strings.Repeat("v", 513))
		got := s.expect(t, take, "failed", participant.CodeInvalidOutput)
		for _, word := range []string{"DataSchema", "513", "512"} {
			if !strings.Contains(got.Body, word) {
				t.Errorf("answered %s, which does not say %s", got.Body, word)
			}
		}
		s.expectBooks(t, 0, 0)
	})
}

func TestVersionsAreForgottenWithTheirKeys(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		s.saying("shop/taken/v2")
		s.expect(t, take, "succeeded", "")
		s.now = s.now.Add(participant.DefaultRetention)
		s.expect(t, ask{Saga: "b", Type: "shop.take"}, "succeeded", "")
		s.now = s.now.Add(time.Second)
		if n, err := s.Prune(t.Context()); n != 1 || err != nil {
			t.Errorf("pruned %d rows, want 1, error %v", n, err)
		}
		if n := rowsIn(t, db, "saga_inbox_versions"); n != 1 {
			t.Errorf("%d versions are left, want that of the younger key", n)
		}
	})
}

func rowsIn(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(`SELECT COUNT(*) FROM ` + table).Scan(&n); err != nil {
		t.Fatalf("counting: %v", err)
	}
	return n
}

// How the package's first version made its table, and what it did with it. It knows of nothing that came later.
const (
	firstTable = `CREATE TABLE saga_inbox (forward_key TEXT PRIMARY KEY, saga_id TEXT NOT NULL, undone BOOLEAN NOT NULL,
outcome TEXT NOT NULL, body %s, answered_at BIGINT NOT NULL, backward TEXT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX saga_inbox_updated_at ON saga_inbox (updated_at)`
	firstClaims = `INSERT INTO saga_inbox (forward_key, saga_id, undone, outcome, answered_at, backward, updated_at)
VALUES ('main/shop/%s/step/forward/1', 'uid-%[1]s', false, '', 0, '{}', 1) ON CONFLICT (forward_key) DO NOTHING`
	firstSaves = `UPDATE saga_inbox SET saga_id = 'uid-%[1]s', undone = false, outcome = 'succeeded', body = CAST('{"old":true}' AS %[2]s),
answered_at = 1000000000, backward = '{}', updated_at = 1 WHERE forward_key = 'main/shop/%[1]s/step/forward/1'`
	firstPrunes = `DELETE FROM saga_inbox`
)

func TestTheTablesOfTheFirstVersionAreTakenOverWhileItStillRuns(t *testing.T) {
	for name, d := range map[string]participant.Dialect{"SQLite": participant.SQLite, "PostgreSQL": participant.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			db, blob := openSQLite(t, t.TempDir()+"/books.db"), "BLOB"
			if d == participant.PostgreSQL {
				db, blob = openPostgres(t), "BYTEA"
			}
			mustExec(t, db, fmt.Sprintf(firstTable, blob), fmt.Sprintf(firstClaims, "a"), fmt.Sprintf(firstSaves, "a", blob))
			s := newShop(t, prepared(t, db, d), d)
			s.saying("shop/taken/v2")
			if got := s.expect(t, take, "succeeded", ""); got.Body != `{"old":true}` || got.DataSchema != "" {
				t.Errorf("what the first version had stored is answered %+v", got)
			}
			mine := ask{Saga: "b", Type: "shop.take"}
			s.expect(t, mine, "succeeded", "")
			mustExec(t, db, fmt.Sprintf(firstClaims, "c"), fmt.Sprintf(firstSaves, "c", blob), // a replica that was not replaced yet
				`UPDATE saga_inbox SET updated_at = 3, backward = backward WHERE forward_key = 'main/shop/b/step/forward/1'`)
			if got := s.expect(t, ask{Saga: "c", Type: "shop.take"}, "succeeded", ""); got.Body != `{"old":true}` || got.DataSchema != "" {
				t.Errorf("what the first version stored meanwhile is answered %+v", got)
			}
			if got := s.expect(t, mine, "succeeded", ""); got.DataSchema != "shop/taken/v2" {
				t.Errorf("what the first version touched meanwhile is answered %+v", got)
			}
			s.expectBooks(t, 1, 1)
			mustExec(t, db, firstPrunes)
			if _, err := s.Prune(t.Context()); err != nil || rowsIn(t, db, "saga_inbox_versions") != 0 {
				t.Errorf("versions are left of keys that the first version pruned, error %v", err)
			}
		})
	}
}

func mustExec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("executing %s: %v", statement, err)
		}
	}
}

func TestWithoutTheTablesOfThisVersionNothingIsDone(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		for _, table := range []string{"saga_inbox_versions", "saga_outbox"} {
			mustExec(t, db, `DROP TABLE `+table)
			s, asked := newShop(t, db, d), ask{Saga: table, Type: "shop.take"}
			if got := s.expect(t, asked, "retry", participant.CodeTransient); !strings.Contains(got.Body, "participant.Schema") {
				t.Errorf("answered %s, which does not say what makes the tables", got.Body)
			}
			if n := rowsIn(t, db, "saga_inbox WHERE forward_key LIKE '%"+table+"%'"); n != 0 {
				t.Errorf("without %s, %d keys are known", table, n)
			}
			mustExec(t, db, participant.Schema(d))
			s.expect(t, asked, "succeeded", "")
		}
	})
}

func TestReplicasThatStartAtOnceMakeTheTablesTogether(t *testing.T) {
	db := openPostgres(t)
	for range 5 {
		var replicas sync.WaitGroup
		for range 6 {
			replicas.Go(func() {
				if _, err := db.Exec(participant.Schema(participant.PostgreSQL)); err != nil {
					t.Errorf("making the tables: %v", err)
				}
			})
		}
		replicas.Wait()
		mustExec(t, db, `DROP TABLE saga_inbox, saga_inbox_versions, saga_outbox`)
	}
}
