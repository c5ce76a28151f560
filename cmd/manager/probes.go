package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// probe is one condition of readiness; its error says what is missing.
type probe struct {
	name string
	err  func() error
}

// probes answer /healthz, which only says that the process lives, and /readyz with one line for each probe. What is wrong is
// told there and then: controller-runtime's own readyz withholds it.
type probes []probe

// serve answers at address while the manager runs.
func (p probes) serve(mgr ctrl.Manager, address string, log logr.Logger) error {
	if address == "" || address == "0" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening for probes (--health-probe-bind-address): %w", err)
	}
	log.Info("Serving probes", "address", listener.Addr().String())
	patience := time.Second // for an answer on its way, when the manager ends
	err = mgr.Add(&manager.Server{
		Name: "probes", Listener: listener, ShutdownTimeout: &patience,
		Server: &http.Server{Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute},
	})
	if err != nil {
		return fmt.Errorf("adding the probes: %w", err)
	}
	return nil
}

func (p probes) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		text, ready := p.judge()
		code := http.StatusOK
		if !ready {
			code = http.StatusServiceUnavailable
		}
		answer(w, code, text)
	})
	return mux
}

func (p probes) judge() (text string, ready bool) {
	var lines strings.Builder
	ready = true
	for _, probe := range p {
		if err := probe.err(); err != nil {
			fmt.Fprintf(&lines, "[-] %s\n", err)
			ready = false
		} else {
			fmt.Fprintf(&lines, "[+] %s: ok\n", probe.name)
		}
	}
	return lines.String(), ready
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprint(w, text)
}
