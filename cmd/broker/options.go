package main

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// options are what the broker is told.
type options struct {
	listen     string // host:port
	advertise  string // host:port
	health     string // host:port; "0": none
	data       string // directory; empty: memory
	topics     []string
	partitions int32
	version    bool
}

func flagsOf(o *options) *pflag.FlagSet {
	flags := pflag.NewFlagSet("broker", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() {} // the caller prints it
	flags.StringVar(&o.listen, "listen", "127.0.0.1:9092",
		"`host:port` to listen on; :9092 listens everywhere. Nobody is asked who they are")
	flags.StringVar(&o.advertise, "advertise", "",
		"`host:port` that clients are told to come back to, such as broker.kafka.svc:9092. Empty: where it listens, which needs a host then")
	flags.StringSliceVar(&o.topics, "topics", nil,
		"`topics` to make at the start, with commas between; name:partitions for another number than --partitions. Those that exist stay as they are")
	flags.Int32Var(&o.partitions, "partitions", 3, "partitions of a topic that does not say. From 1 to 1000")
	flags.StringVar(&o.data, "data", "",
		"`directory` that keeps what was sent, over restarts. Empty: memory, which forgets everything when the broker ends")
	flags.StringVar(&o.health, "health-probe-bind-address", "0", "`host:port` of /healthz and /readyz. 0: none")
	flags.BoolVar(&o.version, "version", false, "print the version and end")
	return flags
}

func usage() string {
	return "Serves Kafka's protocol until SIGTERM, for trying things out. It is no broker for real work: one process, no\n" +
		"replicas, no access control.\n\n" + flagsOf(&options{}).FlagUsagesWrapped(120)
}

// parse reads the flags. Its error names each flag that is wrong.
func parse(args []string) (options, error) {
	var o options
	flags := flagsOf(&o)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	if o.version {
		return o, nil
	}
	if o.advertise == "" {
		o.advertise = o.listen
	}
	_, err := o.wanted()
	return o, errors.Join(err, o.check())
}

func (o options) check() error {
	var errs []error
	if _, err := split(o.listen); err != nil {
		errs = append(errs, fmt.Errorf("--listen: %w", err))
	}
	if host, err := split(o.advertise); err != nil {
		errs = append(errs, fmt.Errorf("--advertise: %w", err))
	} else if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		errs = append(errs, fmt.Errorf("--advertise: must name a host that clients can reach, is %q", o.advertise))
	}
	if o.health != "0" {
		if _, err := split(o.health); err != nil {
			errs = append(errs, fmt.Errorf("--health-probe-bind-address: %w", err))
		}
	}
	if o.partitions < 1 || o.partitions > 1000 {
		errs = append(errs, fmt.Errorf("--partitions: must be from 1 to 1000, is %d", o.partitions))
	}
	return errors.Join(errs...)
}

func split(address string) (host string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("must be host:port, is %q", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("must have a port from 1 to 65535, is %q", address)
	}
	return host, nil
}

// topic is one to be made.
type topic struct {
	name       string
	partitions int32
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// wanted are the topics of --topics.
func (o options) wanted() ([]topic, error) {
	var topics []topic
	var errs []error
	for _, entry := range o.topics {
		name, count, counted := strings.Cut(strings.TrimSpace(entry), ":")
		t := topic{name: name, partitions: o.partitions}
		if counted {
			n, err := strconv.ParseInt(count, 10, 32)
			if err != nil || n < 1 || n > 1000 {
				errs = append(errs, fmt.Errorf("--topics: %q must have from 1 to 1000 partitions", entry))
			}
			t.partitions = int32(n)
		}
		if !topicName.MatchString(name) {
			errs = append(errs, fmt.Errorf("--topics: %q cannot be the name of a topic", name))
		}
		topics = append(topics, t)
	}
	return topics, errors.Join(errs...)
}
