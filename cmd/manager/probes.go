package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
)

// probe is one condition of readiness. It says how things are, or as an error what is missing.
type probe struct {
	name  string
	state func() (string, error)
}

// simple makes a probe of what is either fine or an error.
func simple(name string, err func() error) probe {
	return probe{name, func() (string, error) { return "ok", err() }}
}

// probes answer /healthz, which only says that the process lives, and /readyz with one line for each probe. What is wrong is
// told there and then: controller-runtime's own readyz withholds it.
type probes []probe

// probesPatience is for an answer on its way, when the manager ends.
const probesPatience = time.Second

// serve answers at address until stop is called: from before the manager can begin, since it may have to wait, until after it
// has ended.
func (p probes) serve(address string, log logr.Logger) (stop func(), err error) {
	if address == "" || address == "0" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for probes (--health-probe-bind-address): %w", err)
	}
	log.Info("Serving probes", "address", listener.Addr().String())
	server := &http.Server{Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error(err, "Serving probes")
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), probesPatience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			log.V(1).Info("A probe was cut off", "reason", err.Error())
			_ = server.Close() // whatever still hangs ends with the process
		}
		<-over
	}, nil
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
		if state, err := probe.state(); err != nil {
			fmt.Fprintf(&lines, "[-] %s\n", err)
			ready = false
		} else {
			fmt.Fprintf(&lines, "[+] %s: %s\n", probe.name, state)
		}
	}
	return lines.String(), ready
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprint(w, text)
}

// probes are what readyz is made of, in the order in which things are needed.
func (p *parts) probes() probes {
	all := probes{simple("clock", p.guard.Err)}
	for _, r := range p.required {
		all = append(all, probe{r.name, r.ready})
	}
	return append(all, simple("topics", p.topics.Ready), probe{"work", p.work}, probe{"replies", p.heard})
}

// work says for readyz whether this manager leads, or could at once.
func (p *parts) work() (string, error) {
	mgr := p.started.Load()
	switch {
	case mgr == nil:
		return "", fmt.Errorf("work: waits for what is missing above")
	case !p.warm.Load():
		return "", fmt.Errorf("work: the cluster's objects are being read")
	case p.lease != nil:
		state, err := p.lease.state()
		if err != nil {
			return "", fmt.Errorf("work: %w", err)
		}
		return state, nil
	}
	return "leads, without an election", nil
}

// heard says for readyz whether the leader can read replies; a manager that does not lead reads none.
func (p *parts) heard() (string, error) {
	mgr := p.started.Load()
	if mgr == nil {
		return "not read yet", nil
	}
	select {
	case <-(*mgr).Elected():
	default:
		return "not read here", nil
	}
	if state := p.reader.Readability(); !state.OK() {
		return "", fmt.Errorf("replies: not all partitions of the reply topic can be read: %w", orNotYet(state.Err))
	}
	return "ok", nil
}
