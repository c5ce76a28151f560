package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// maxInstallation leaves room for what the name becomes part of: topics, headers, the lease.
const maxInstallation = 40

// check returns all that is wrong, one line for each flag.
func (c Config) check() error {
	return errors.Join(c.checkCluster(), c.Kafka.Check(), c.checkToken(), c.checkLeader(), c.checkEndpoints(), c.checkWork())
}

func wrong(flag, format string, args ...any) error {
	return fmt.Errorf("--%s: %s", flag, fmt.Sprintf(format, args...))
}

func (c Config) checkCluster() error {
	var errs []error
	if len(c.Installation) > maxInstallation || !label.MatchString(c.Installation) {
		errs = append(errs, wrong("installation", "must be a DNS label (lower case letters, digits and dashes) of 1 to %d characters, is %q", maxInstallation, c.Installation))
	}
	for _, namespace := range c.Namespaces {
		if len(validation.IsDNS1123Label(namespace)) > 0 {
			errs = append(errs, wrong("namespaces", "%q cannot be the name of a namespace", namespace))
		}
	}
	switch {
	case c.TopicPolicyFile != "" && c.AllowAllTopics:
		errs = append(errs, wrong("allow-all-topics", "cannot be used together with --topic-policy-file"))
	case c.TopicPolicyFile == "" && !c.AllowAllTopics && len(c.Namespaces) == 0:
		errs = append(errs, wrong("topic-policy-file", "is required where all namespaces are watched, since otherwise whoever may make a participant "+
			"could have messages sent to any topic; if that is meant, say --allow-all-topics"))
	}
	return errors.Join(errs...)
}

func (c Config) checkToken() error {
	switch {
	case c.InsecureTokenKey && (c.TokenKeyFile != "" || c.PreviousTokenKeyFile != ""):
		return wrong("insecure-reply-token-key", "cannot be used together with key files")
	case !c.InsecureTokenKey && c.TokenKeyFile == "":
		return wrong("reply-token-key-file", "is required; for development there is --insecure-reply-token-key")
	}
	return nil
}

func (c Config) checkLeader() error {
	errs := []error{
		within("leader-election-lease-duration", c.LeaseDuration, time.Second, 5*time.Minute),
		within("leader-election-renew-deadline", c.RenewDeadline, time.Second, 5*time.Minute),
		within("leader-election-retry-period", c.RetryPeriod, 100*time.Millisecond, time.Minute),
	}
	if c.LeaseDuration <= c.RenewDeadline {
		errs = append(errs, wrong("leader-election-lease-duration", "must be longer than --leader-election-renew-deadline: %s is not longer than %s", c.LeaseDuration, c.RenewDeadline))
	}
	if float64(c.RenewDeadline) <= 1.2*float64(c.RetryPeriod) { // client-go's jitter
		errs = append(errs, wrong("leader-election-renew-deadline", "must be longer than 1.2 × --leader-election-retry-period: %s is not longer than 1.2 × %s", c.RenewDeadline, c.RetryPeriod))
	}
	if c.LeaseNamespace != "" && len(validation.IsDNS1123Label(c.LeaseNamespace)) > 0 {
		errs = append(errs, wrong("leader-election-namespace", "%q cannot be the name of a namespace", c.LeaseNamespace))
	}
	return errors.Join(errs...)
}

func (c Config) checkEndpoints() error {
	return errors.Join(
		address("metrics-bind-address", c.MetricsAddress),
		address("health-probe-bind-address", c.ProbeAddress),
		address("pprof-bind-address", c.PprofAddress),
	)
}

func (c Config) checkWork() error {
	errs := []error{within("shutdown-timeout", c.ShutdownTimeout, time.Second, 10*time.Minute)}
	if c.Concurrency < 1 || c.Concurrency > 256 {
		errs = append(errs, wrong("concurrency", "must be from 1 to 256, is %d", c.Concurrency))
	}
	if !(c.QPS == -1 || c.QPS >= 1 && c.QPS <= 10_000) {
		errs = append(errs, wrong("kube-api-qps", "must be -1 or from 1 to 10000, is %v", c.QPS))
	}
	if c.Burst < 0 || c.Burst > 20_000 {
		errs = append(errs, wrong("kube-api-burst", "must be from 0 to 20000, is %d", c.Burst))
	}
	if !slices.Contains([]string{"debug", "info", "error"}, c.LogLevel) {
		errs = append(errs, wrong("log-level", "must be debug, info or error, is %q", c.LogLevel))
	}
	if !slices.Contains([]string{"json", "text"}, c.LogFormat) {
		errs = append(errs, wrong("log-format", "must be json or text, is %q", c.LogFormat))
	}
	return errors.Join(errs...)
}

func within(flag string, value, least, most time.Duration) error {
	if value < least || value > most {
		return wrong(flag, "must be from %s to %s, is %s", least, most, value)
	}
	return nil
}

// address takes what a server can listen on: host:port, where the host may be empty and port 0 means any. "0" and nothing
// at all mean no server.
func address(flag, value string) error {
	if value == "" || value == "0" {
		return nil
	}
	if _, port, err := net.SplitHostPort(value); err != nil || !isPort(port, 0) {
		return wrong(flag, "must be host:port, :port, or 0 for none, is %q", value)
	}
	return nil
}

func isPort(text string, least int) bool {
	port, err := strconv.Atoi(text)
	return err == nil && port >= least && port <= 65535 && !strings.HasPrefix(text, "+")
}
