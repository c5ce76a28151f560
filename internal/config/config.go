// Package config is the manager's configuration: flags, their equivalents in the environment, and their bounds.
package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// EnvPrefix starts the name of the environment variable that stands for a flag: --kafka-brokers is SAGA_KAFKA_BROKERS.
const EnvPrefix = "SAGA_"

var (
	// ErrHelp says that the flags were asked for; Usage has them.
	ErrHelp = pflag.ErrHelp
	// ErrInvalid says that a value is wrong. The message names each flag and its bound.
	ErrInvalid = errors.New("invalid configuration")
)

// Config is what the manager is told. A Config from Parse is valid.
type Config struct {
	Installation string
	Namespaces   []string // empty: all
	// TopicPolicyFile says who may name which topics. Empty: all may, where AllowAllTopics or Namespaces say so.
	TopicPolicyFile string
	AllowAllTopics  bool
	Kubeconfig      string // empty: KUBECONFIG, the pod's account, or ~/.kube/config

	Kafka                Kafka
	TokenKeyFile         string
	PreviousTokenKeyFile string
	InsecureTokenKey     bool

	LeaderElect    bool
	LeaseNamespace string // empty: the pod's own, else default
	LeaseDuration  time.Duration
	RenewDeadline  time.Duration
	RetryPeriod    time.Duration

	MetricsAddress string // "0": none
	ProbeAddress   string // "0": none
	PprofAddress   string // empty or "0": none

	OrderWorkflows  bool // whether the controller of OrderWorkflow runs
	Concurrency     int
	QPS             float32 // negative: without limit
	Burst           int
	ShutdownTimeout time.Duration

	LogLevel  string
	LogFormat string
	Version   bool
}

// Parse reads the configuration from args, without the program's name, and for what they do not say from the environment,
// whose form is that of os.Environ.
//
// Errors: ErrHelp, ErrInvalid.
func Parse(args, environ []string) (Config, error) {
	var c Config
	flags := flagsOf(&c)
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return c, ErrHelp
	} else if err != nil {
		return c, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%w: %q is no flag", ErrInvalid, flags.Arg(0))
	}
	if c.Version {
		return c, nil
	}
	if err := errors.Join(FromEnvironment(flags, environ), c.check()); err != nil {
		return c, fmt.Errorf("%w:\n%w", ErrInvalid, err)
	}
	return c, nil
}

// Usage describes all flags, for a terminal.
func Usage() string {
	flags := flagsOf(&Config{})
	return "Runs the saga operator's manager. Each flag can also be set in the environment: --kafka-brokers as " +
		EnvName("kafka-brokers") + ".\n\n" + flags.FlagUsagesWrapped(120)
}

// EnvName returns the name of the environment variable that stands for a flag.
func EnvName(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// FromEnvironment sets those flags that the command line did not to what the environment, in the form of os.Environ, has
// for them. Errors name the variable; all of them are returned.
func FromEnvironment(flags *pflag.FlagSet, environ []string) error {
	values := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, EnvPrefix) {
			values[name] = value
		}
	}
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		value, set := values[EnvName(f.Name)]
		if !set || f.Changed || f.Name == "help" || f.Name == "version" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", EnvName(f.Name), err))
		}
	})
	return errors.Join(errs...)
}
