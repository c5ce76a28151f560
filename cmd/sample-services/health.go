package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// serveHealth answers /healthz, which says that the process lives, and /readyz, which says that its books can be read, until the
// returned function is called. Address 0: none.
func serveHealth(address string, db *sql.DB, log *slog.Logger) (stop func() error, err error) {
	if address == "0" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for probes (--health-probe-bind-address): %w", err)
	}
	server := &http.Server{Handler: healthHandler(db), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("Probes are no longer answered", "error", err)
		}
	}()
	return server.Close, nil
}

// booksPatience is how long readyz waits for the books, whose one connection may be busy with a command.
const booksPatience = 4 * time.Second

func healthHandler(db *sql.DB) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), booksPatience)
		defer cancel()
		if err := db.PingContext(ctx); err != nil {
			http.Error(w, fmt.Sprintf("the books cannot be read: %v", err), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}
