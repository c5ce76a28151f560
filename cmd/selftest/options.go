package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sagas-dev/saga-operator/internal/config"
)

// podNamespaceFile names the namespace that a pod runs in.
const podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// options are what the program is told.
type options struct {
	namespace, topic, kubeconfig string
	kafka                        config.Kafka
	timeout, tidying             time.Duration
	version                      bool
}

func flagsOf(o *options) *pflag.FlagSet {
	flags := pflag.NewFlagSet("selftest", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() {} // the caller prints it
	flags.StringVar(&o.namespace, "namespace", "", "`namespace` to run the sagas in; the operator must watch it. Empty: the pod's own")
	flags.StringVar(&o.topic, "topic", "saga-selftest.commands",
		"Kafka `topic` for the commands. It is made where it is missing, and deleted again then; the operator's topic policy must allow it")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "",
		"`file` that says how to reach the API server. Empty: KUBECONFIG, then the pod's service account, then ~/.kube/config")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long everything may take, without the tidying up. From 5s to 1h")
	flags.DurationVar(&o.tidying, "tidy-timeout", 30*time.Second,
		"how long tidying up may take; the operator keeps a deleted participant for ten seconds. From 1s to 10m")
	o.kafka.AddFlags(flags)
	flags.BoolVar(&o.version, "version", false, "print the version and end")
	return flags
}

func usage() string {
	return "Runs two sagas of its own, one that is done and one that is undone, and removes them again. Exit code 0: both ended as\n" +
		"they should; 1: they did not; 2: a flag is wrong. One run at a time in a namespace: each removes what an earlier one left.\n" +
		"Each flag can also be set in the environment: --kafka-brokers as " + config.EnvName("kafka-brokers") + ".\n\n" +
		flagsOf(&options{}).FlagUsagesWrapped(120)
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// parse reads flags and environment. Its error names each flag that is wrong.
func parse(args, environ []string) (options, error) {
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
	err := config.FromEnvironment(flags, environ)
	if o.namespace == "" {
		if own, readErr := os.ReadFile(podNamespaceFile); readErr == nil {
			o.namespace = strings.TrimSpace(string(own))
		}
	}
	return o, errors.Join(err, o.check())
}

func (o options) check() error {
	errs := []error{o.kafka.Check()}
	if len(validation.IsDNS1123Label(o.namespace)) > 0 {
		errs = append(errs, fmt.Errorf("--namespace: %q cannot be the name of a namespace", o.namespace))
	}
	if !topicName.MatchString(o.topic) {
		errs = append(errs, fmt.Errorf("--topic: %q cannot be the name of a topic", o.topic))
	}
	if o.timeout < 5*time.Second || o.timeout > time.Hour {
		errs = append(errs, fmt.Errorf("--timeout: must be from 5s to 1h, is %s", o.timeout))
	}
	if o.tidying < time.Second || o.tidying > 10*time.Minute {
		errs = append(errs, fmt.Errorf("--tidy-timeout: must be from 1s to 10m, is %s", o.tidying))
	}
	return errors.Join(errs...)
}
