package participant_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/sagas-dev/saga-operator/participant"
)

// books are the effects of the service under test: nothing in them forbids a second one.
const books = `CREATE TABLE entries (forward_key TEXT NOT NULL, amount INTEGER NOT NULL)`

// onEveryDatabase runs a test on SQLite and on PostgreSQL, each time with an empty inbox and empty books.
func onEveryDatabase(t *testing.T, test func(t *testing.T, db *sql.DB, d participant.Dialect)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		test(t, prepared(t, openSQLite(t, filepath.Join(t.TempDir(), "books.db")), participant.SQLite), participant.SQLite)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, prepared(t, openPostgres(t), participant.PostgreSQL), participant.PostgreSQL)
	})
}

func prepared(t *testing.T, db *sql.DB, d participant.Dialect) *sql.DB {
	t.Helper()
	for range 2 { // the schema may be run again
		if _, err := db.Exec(participant.Schema(d)); err != nil {
			t.Fatalf("making the inbox: %v", err)
		}
	}
	if _, err := db.Exec(books); err != nil {
		t.Fatalf("making the books: %v", err)
	}
	return db
}

// openSQLite allows several connections and waits for none, so that SQLITE_BUSY is met for real.
func openSQLite(t *testing.T, file string) *sql.DB {
	t.Helper()
	name := (&url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: "_pragma=journal_mode(WAL)&_pragma=busy_timeout(1)"}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatalf("opening SQLite: %v", err)
	}
	t.Cleanup(func() { closeDB(t, db) })
	return db
}

func closeDB(t *testing.T, db *sql.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Errorf("closing the database: %v", err)
	}
}

// openPostgres gives each test a schema of its own on the server of POSTGRES_DSN, or on one that it starts.
func openPostgres(t *testing.T) *sql.DB {
	t.Helper()
	db, _ := openPostgresAt(t)
	return db
}

// openPostgresAt is openPostgres, and says how another process gets there.
func openPostgresAt(t *testing.T) (db *sql.DB, dsn string) {
	t.Helper()
	dsn, err := postgresDSN()
	if errors.Is(err, errNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("not tested on PostgreSQL: %v", err)
	}
	if err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatalf("opening PostgreSQL: %v", err)
	}
	defer closeDB(t, admin)
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatalf("making a schema: %v", err)
	}
	dsn += " search_path=" + schema
	db, err = sql.Open("pgx", dsn)
	if err != nil {
		t.Fatalf("opening PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP SCHEMA " + schema + " CASCADE"); err != nil {
			t.Errorf("dropping the schema: %v", err)
		}
		closeDB(t, db)
	})
	return db, dsn
}

var errNoPostgres = errors.New("POSTGRES_DSN (key=value form) is not set and no server binary was found; apt-get install postgresql")

// server is the PostgreSQL that the tests started, if any. TestMain stops it.
var server struct {
	once sync.Once
	dsn  string
	err  error
	cmd  *exec.Cmd
	dir  string
}

func postgresDSN() (string, error) {
	server.once.Do(func() {
		if server.dsn = os.Getenv("POSTGRES_DSN"); server.dsn == "" {
			server.dsn, server.err = startPostgres()
		}
	})
	return server.dsn, server.err
}

// startPostgres makes a temporary cluster that listens on a socket only. Root runs it as the user postgres, since the
// server refuses root.
func startPostgres() (string, error) {
	bin, err := postgresBin()
	if err != nil {
		return "", err
	}
	if server.dir, err = os.MkdirTemp("", "participant-postgres-"); err != nil {
		return "", err
	}
	as, err := ownerOf(server.dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(server.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, server.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	server.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", server.dir, "-h", "", "-c", "fsync=off")
	server.cmd.SysProcAttr, server.cmd.Dir = as, server.dir
	if err := server.cmd.Start(); err != nil {
		return "", err
	}
	dsn := fmt.Sprintf("host=%s user=postgres dbname=postgres", server.dir)
	return dsn, awaitPostgres(dsn)
}

func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errNoPostgres
	}
	return filepath.Dir(slices.Max(found)), nil
}

func ownerOf(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(dir, uid, gid)
}

func awaitPostgres(dsn string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // only asked whether it answers
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		if err = db.PingContext(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func stopPostgres() {
	if server.cmd != nil && server.cmd.Process != nil {
		if err := server.cmd.Process.Signal(syscall.SIGQUIT); err == nil { // at once
			_ = server.cmd.Wait() // says only that it was told to
		}
	}
	if server.dir != "" {
		if err := os.RemoveAll(server.dir); err != nil {
			fmt.Fprintln(os.Stderr, "removing the temporary PostgreSQL:", err)
		}
	}
}
