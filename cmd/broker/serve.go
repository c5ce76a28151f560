package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sagas-dev/saga-operator/internal/version"
)

// serve runs the broker until ctx is done.
func serve(ctx context.Context, o options, log *slog.Logger) error {
	topics, err := o.wanted()
	if err != nil {
		return err
	}
	cluster, err := start(o)
	if err != nil {
		return err
	}
	defer cluster.Close()
	if err := create(cluster, topics); err != nil {
		return err
	}
	announce(o, topics, log)
	return probe(ctx, o.health, func() error { return missing(cluster, topics) })
}

func announce(o options, topics []topic, log *slog.Logger) {
	log.Info("Serving Kafka's protocol", "version", version.Number(), "commit", version.Commit(),
		"listen", o.listen, "advertise", o.advertise, "topics", len(topics))
	if o.data == "" {
		log.Warn("KEEPING NOTHING: when this broker ends, all topics, messages and positions are gone. It is for trying things out, never for real work")
		return
	}
	log.Warn("For trying things out, never for real work: one copy, on one disk", "data", o.data)
}

// start runs the embedded broker. Its port is already open when this returns.
func start(o options) (*kfake.Cluster, error) {
	options := []kfake.Opt{
		kfake.NumBrokers(1), kfake.DefaultNumPartitions(int(o.partitions)),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			listener, err := net.Listen(network, o.listen)
			if err != nil {
				return nil, err
			}
			return advertised{listener, o.advertise}, nil
		}),
	}
	if o.data != "" {
		options = append(options, kfake.DataDir(o.data))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("starting the broker: %w", err)
	}
	return cluster, nil
}

// advertised is a listener that says it is somewhere else: the broker tells clients to come back to where its listener
// says it is.
type advertised struct {
	net.Listener
	address string
}

// Addr is what clients are told.
func (a advertised) Addr() net.Addr { return named(a.address) }

// named is an address whose host need not be known here.
type named string

// Network is always tcp.
func (named) Network() string { return "tcp" }

// String is host:port.
func (n named) String() string { return string(n) }

func create(cluster *kfake.Cluster, topics []topic) error {
	for _, t := range topics {
		err := cluster.CreateTopic(t.name, t.partitions, nil)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("making topic %s: %w", t.name, err)
		}
	}
	return nil
}

// missing asks the broker for its topics.
func missing(cluster *kfake.Cluster, topics []topic) error {
	for _, t := range topics {
		if cluster.TopicInfo(t.name) == nil {
			return fmt.Errorf("topic %s does not exist", t.name)
		}
	}
	return nil
}

// probe serves /healthz and /readyz until ctx is done.
func probe(ctx context.Context, address string, ready func() error) error {
	if address == "0" {
		<-ctx.Done()
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve says what came of it
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving probes: %w", err)
	}
	return nil
}
