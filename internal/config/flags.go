package config

import (
	"time"

	"github.com/spf13/pflag"
)

// flagsOf declares the flags, with what docs/configuration.md says of each.
func flagsOf(c *Config) *pflag.FlagSet {
	flags := pflag.NewFlagSet("manager", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() {} // the caller prints it
	clusterFlags(flags, c)
	c.Kafka.AddFlags(flags)
	tokenFlags(flags, c)
	leaderFlags(flags, c)
	endpointFlags(flags, c)
	workFlags(flags, c)
	return flags
}

func clusterFlags(flags *pflag.FlagSet, c *Config) {
	flags.StringVar(&c.Installation, "installation", "default",
		"name of this installation. It names the topics `<installation>`.saga.replies, .saga.outcomes and .saga.deadletters, the consumer "+
			"group and the lease, and it starts every idempotency key: never change it while sagas exist. A DNS label of at most 40 characters")
	flags.StringSliceVar(&c.Namespaces, "namespaces", nil,
		"`namespaces` to watch, with commas between. Empty: all")
	flags.StringVar(&c.TopicPolicyFile, "topic-policy-file", "",
		"YAML `file` that says which namespaces may name which topics. Read once. Required, unless --allow-all-topics or --namespaces is given")
	flags.BoolVar(&c.AllowAllTopics, "allow-all-topics", false,
		"let the participants of every namespace name every topic that is not an operator's own")
	flags.StringVar(&c.Kubeconfig, "kubeconfig", "",
		"`file` that says how to reach the API server. Empty: KUBECONFIG, then the pod's service account, then ~/.kube/config")
}

func tokenFlags(flags *pflag.FlagSet, c *Config) {
	flags.StringVar(&c.TokenKeyFile, "reply-token-key-file", "",
		"`file` with the secret that signs reply tokens, at least 32 bytes. Read again when it changes. Required, unless --insecure-reply-token-key is given")
	flags.StringVar(&c.PreviousTokenKeyFile, "reply-token-previous-key-file", "",
		"`file` with the secret before that one, still accepted while its commands are on their way. It may be missing")
	flags.BoolVar(&c.InsecureTokenKey, "insecure-reply-token-key", false,
		"sign reply tokens with a key that everybody knows. For development: whoever can write to the reply topic can answer for any participant")
}

func leaderFlags(flags *pflag.FlagSet, c *Config) {
	flags.BoolVar(&c.LeaderElect, "leader-elect", true,
		"work only while holding the lease. Turn it off only where a second manager is impossible")
	flags.StringVar(&c.LeaseNamespace, "leader-election-namespace", "",
		"`namespace` of the lease saga-operator-<installation>. Empty: the pod's own; outside a cluster: default")
	flags.DurationVar(&c.LeaseDuration, "leader-election-lease-duration", 12*time.Second,
		"how long others wait before they take over a lease that is not renewed. From 1s to 5m, longer than --leader-election-renew-deadline")
	flags.DurationVar(&c.RenewDeadline, "leader-election-renew-deadline", 8*time.Second,
		"how long the leader tries to renew before it gives up. From 1s to 5m, longer than 1.2 × --leader-election-retry-period")
	flags.DurationVar(&c.RetryPeriod, "leader-election-retry-period", time.Second,
		"wait between two tries to take or renew the lease. From 100ms to 1m")
}

func endpointFlags(flags *pflag.FlagSet, c *Config) {
	flags.StringVar(&c.MetricsAddress, "metrics-bind-address", ":8080",
		"`host:port` of /metrics, plain HTTP. 0: none")
	flags.StringVar(&c.ProbeAddress, "health-probe-bind-address", ":8081",
		"`host:port` of /healthz and /readyz. 0: none")
	flags.StringVar(&c.PprofAddress, "pprof-bind-address", "0",
		"`host:port` of /debug/pprof. 0: none")
}

func workFlags(flags *pflag.FlagSet, c *Config) {
	flags.BoolVar(&c.OrderWorkflows, "order-workflows", true,
		"run the controller of OrderWorkflow. Off: neither its resource definition nor permissions for it are needed")
	flags.IntVar(&c.Concurrency, "concurrency", 16,
		"sagas that are decided on at the same time. From 1 to 256")
	flags.Float32Var(&c.QPS, "kube-api-qps", -1,
		"requests per second to the API server. -1: no limit here, the API server's priority and fairness does it. Else from 1 to 10000")
	flags.IntVar(&c.Burst, "kube-api-burst", 0,
		"requests at once above --kube-api-qps. 0: twice as many as that. At most 20000")
	flags.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", 10*time.Second,
		"how long the manager takes at most, after SIGTERM, to end what it does, commit and release the lease. From 1s to 10m")
	flags.StringVar(&c.LogLevel, "log-level", "info", "debug, info or error")
	flags.StringVar(&c.LogFormat, "log-format", "json", "json or text")
	flags.BoolVar(&c.Version, "version", false, "print the version and end")
}
