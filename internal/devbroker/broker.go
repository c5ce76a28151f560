package devbroker

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
)

// partitions of every topic.
const partitions = 3

// ErrPortTaken says that another process listens on the port.
var ErrPortTaken = errors.New("another process listens there")

// Broker is an embedded broker that runs.
type Broker struct {
	cluster *kfake.Cluster
	now     func() time.Time

	mu      sync.Mutex
	names   map[[16]byte]string  // topics by id
	readers map[string]time.Time // until when a topic counts as read, by what was fetched last
	groups  map[string]bool      // consumer groups that were joined
}

// Start runs a broker on a port of 127.0.0.1; 0 takes a free one. Its port is open when this returns.
//
// Errors: ErrPortTaken.
func Start(port int) (*Broker, error) {
	b := &Broker{now: time.Now, names: map[[16]byte]string{}, readers: map[string]time.Time{}, groups: map[string]bool{}}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.DefaultNumPartitions(partitions),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, address) }),
	)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("starting the broker on %s: %w", address, ErrPortTaken)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the broker on %s: %w", address, err)
	}
	b.cluster = cluster
	b.watch()
	return b, nil
}

// Addr is the broker's host:port.
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Close stops the broker. All that was sent is gone.
func (b *Broker) Close() { b.cluster.Close() }

// CreateTopics makes topics. Those that exist stay as they are.
func (b *Broker) CreateTopics(names ...string) error {
	for _, name := range names {
		if err := b.cluster.CreateTopic(name, partitions, nil); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("making topic %s: %w", name, err)
		}
		info := b.cluster.TopicInfo(name)
		if info == nil {
			return fmt.Errorf("making topic %s: the broker does not show it", name)
		}
		b.mu.Lock()
		b.names[info.TopicID] = name
		b.mu.Unlock()
	}
	return nil
}
