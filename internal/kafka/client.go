package kafka

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Client holds the connections that producer, reader and topics share. Safe for concurrent use.
type Client struct {
	cfg       Config
	addr      net.Addr
	transport *kafka.Transport

	mu        sync.Mutex
	refreshed time.Time
}

// Connect prepares a client. It opens no connection: a broker that is away shows when it is first used.
//
// Errors: ErrConfig.
func Connect(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	transport, err := cfg.Transport()
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, addr: kafka.TCP(cfg.Brokers...), transport: transport}, nil
}

// Close gives the connections up; those in use end with their requests.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// refreshEvery bounds how often the picture of topics and leaders is thrown away.
const refreshEvery = time.Second

// refresh makes the library look for topics and leaders anew: it does so only with a new pool of connections,
// and by itself neither when a leader has moved nor soon after a failed first look. It says whether it did.
func (c *Client) refresh() bool {
	c.mu.Lock()
	due := time.Since(c.refreshed) >= refreshEvery
	if due {
		c.refreshed = time.Now()
	}
	c.mu.Unlock()
	if due {
		c.transport.CloseIdleConnections()
	}
	return due
}

// metadata returns what is known of the named topics, from a picture that is at most MetadataTTL old. Topics that
// are missing have the error code of UnknownTopicOrPartition.
func (c *Client) metadata(ctx context.Context, names ...string) (*metadata.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout+c.cfg.RequestTimeout)
	defer cancel()
	request := &metadata.Request{TopicNames: names}
	response, err := c.transport.RoundTrip(ctx, c.addr, request)
	if err != nil && ctx.Err() == nil && c.refresh() { // the error may be an old one that the library has kept
		response, err = c.transport.RoundTrip(ctx, c.addr, request)
	}
	if err != nil {
		return nil, classify("looking for topics", err) // which, would make another reason of the same trouble with each new one
	}
	return response.(*metadata.Response), nil
}

// library returns the library's own client, for requests that it has verbs for.
func (c *Client) library() *kafka.Client {
	return &kafka.Client{Addr: c.addr, Transport: c.transport, Timeout: c.cfg.RequestTimeout}
}
