// Package fakebroker runs an embedded broker that speaks Kafka's protocol and keeps its records in a directory:
// for tests, and for the demo. It is one process's memory and files, nothing for real work.
package fakebroker

import (
	"fmt"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Broker is an embedded broker that runs.
type Broker struct{ cluster *kfake.Cluster }

// Start runs a broker on a port of localhost; 0 takes a free one. What dir holds from an earlier run is there
// again; an empty dir keeps everything in memory.
func Start(dir string, port int) (*Broker, error) {
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.DefaultNumPartitions(3)}
	if port != 0 {
		options = append(options, kfake.Ports(port))
	}
	if dir != "" {
		options = append(options, kfake.DataDir(dir))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	return &Broker{cluster: cluster}, nil
}

// Addr is the broker's host:port.
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Port is the port the broker listens on.
func (b *Broker) Port() (int, error) {
	_, port, err := net.SplitHostPort(b.Addr())
	if err != nil {
		return 0, fmt.Errorf("reading the broker's address: %w", err)
	}
	return strconv.Atoi(port)
}

// Close stops the broker and writes what is not on disk yet.
func (b *Broker) Close() { b.cluster.Close() }
