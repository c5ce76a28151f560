package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sagas-dev/saga-operator/internal/lint"
	"github.com/sagas-dev/saga-operator/internal/topics"
)

// Outputs of topics.
const (
	outputColumns    = "table"
	outputKafkaTools = "kafka-topics"
	outputStrimzi    = "strimzi"
)

// topicsRequest is what the command line asks for.
type topicsRequest struct {
	options    topics.Options
	strimzi    topics.Strimzi
	bootstrap  string
	output     string
	everywhere bool
}

func newTopics(streams genericiooptions.IOStreams) *cobra.Command {
	r := &topicsRequest{}
	cmd := &cobra.Command{
		Use:   "topics [FILE|DIR|-...]",
		Short: "List the Kafka topics and permissions that resources need",
		Long: "Lists the topics and permissions that participants, definitions and triggers need, and those of the installation: of files, or without them " +
			"those of the namespace, or with -A of all. The operator creates no topics. " + filesHelp,
		Example: "  kubectl saga topics config/samples -o kafka-topics\n  kubectl saga topics -A -o strimzi --replicas 3",
	}
	at := connects(cmd)
	r.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := r.check(args); err != nil {
			return err
		}
		found, err := r.catalogue(cmd.Context(), streams, at, args)
		if err != nil {
			return err
		}
		participants, missing, err := found.used()
		if err != nil && len(args) > 0 {
			return asMisuse(err)
		}
		if err != nil {
			return err
		}
		for _, sentence := range missing {
			fmt.Fprintf(streams.ErrOut, "warning: %s %s: its topics are missing\n", sentence, r.among(args))
		}
		return r.print(streams, topics.Of(r.options, participants, found.triggers))
	}
	return cmd
}

func (r *topicsRequest) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&r.output, "output", "o", outputColumns, "table, kafka-topics (calls of Kafka's tools), strimzi (KafkaTopic and KafkaUser) or json")
	flags.BoolVarP(&r.everywhere, "all-namespaces", "A", false, "what the resources of all namespaces need")
	flags.StringVar(&r.options.Installation, "installation", "default", "name of the installation, as the manager has it")
	flags.StringVar(&r.options.OperatorPrincipal, "operator-principal", "User:saga-operator", "who the operator is for Kafka")
	flags.StringVar(&r.options.ServicePrincipal, "service-principal", "User:{participant}", "who a service is for Kafka; may hold {participant} and {namespace}")
	flags.StringVar(&r.options.ServiceGroup, "service-group", "{participant}", "consumer group of a service; may hold {participant} and {namespace}")
	flags.IntVar(&r.options.Partitions, "partitions", 6, "of each topic, from 1 to 1000")
	flags.IntVar(&r.options.Replicas, "replicas", 1, "of each topic, from 1 to 9")
	flags.StringVar(&r.bootstrap, "bootstrap-server", `"$BROKERS"`, "where Kafka's tools find the brokers, with -o kafka-topics")
	flags.StringVar(&r.strimzi.Cluster, "strimzi-cluster", "my-cluster", "name of the Kafka resource, with -o strimzi")
	flags.StringVar(&r.strimzi.Namespace, "strimzi-namespace", "kafka", "its namespace, with -o strimzi")
	flags.StringVar(&r.strimzi.Authentication, "strimzi-authentication", "scram-sha-512", "scram-sha-512, tls, tls-external or none, with -o strimzi")
	complete(cmd, "output", outputColumns, outputKafkaTools, outputStrimzi, outputJSON)
	complete(cmd, "strimzi-authentication", "scram-sha-512", "tls", "tls-external", "none")
}

func (r *topicsRequest) check(files []string) error {
	if len(files) > 0 && r.everywhere {
		return misuse("files, or -A: not both")
	}
	if r.options.Partitions < 1 || r.options.Partitions > 1000 {
		return misuse("--partitions must be from 1 to 1000, is %d", r.options.Partitions)
	}
	if r.options.Replicas < 1 || r.options.Replicas > 9 {
		return misuse("--replicas must be from 1 to 9, is %d", r.options.Replicas)
	}
	err := errors.Join(oneOf("output", r.output, outputColumns, outputKafkaTools, outputStrimzi, outputJSON),
		oneOf("strimzi-authentication", r.strimzi.Authentication, "scram-sha-512", "tls", "tls-external", "none"))
	if r.strimzi.Authentication == "none" {
		r.strimzi.Authentication = ""
	}
	return err
}

// catalogue reads the resources: of files, or of the cluster.
func (r *topicsRequest) catalogue(ctx context.Context, streams genericiooptions.IOStreams, at *connection, files []string) (*catalogue, error) {
	found := &catalogue{}
	if len(files) > 0 {
		sources, err := readFiles(files, streams.In)
		if err != nil {
			return nil, err
		}
		objects, err := lint.Objects(sources)
		if err != nil {
			return nil, asMisuse(err)
		}
		return found, asMisuse(found.addObjects(objects))
	}
	s, err := at.open()
	if err != nil {
		return nil, err
	}
	return found, found.addCluster(ctx, s, r.everywhere)
}

// among says where the resources were looked for.
func (r *topicsRequest) among(files []string) string {
	switch {
	case len(files) > 0:
		return "these files"
	case r.everywhere:
		return "the cluster's"
	}
	return "those of the namespace"
}

func (r *topicsRequest) print(streams genericiooptions.IOStreams, needs topics.Needs) error {
	switch r.output {
	case outputKafkaTools:
		return needs.KafkaTools(streams.Out, r.bootstrap)
	case outputStrimzi:
		return r.strimzi.Manifests(streams.Out, needs)
	case outputJSON:
		return printJSON(streams.Out, needs)
	}
	var rows [][]string
	for _, t := range needs.Topics {
		rows = append(rows, []string{t.Name, strconv.Itoa(t.Partitions), strconv.Itoa(t.Replicas), t.Purpose})
	}
	if err := printTable(streams.Out, []string{"TOPIC", "PARTITIONS", "REPLICAS", "WHAT IS IN IT"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(streams.Out)
	rows = nil
	for _, g := range needs.Grants {
		rows = append(rows, []string{g.Principal, g.Operation, g.Resource, g.Name})
	}
	return printTable(streams.Out, []string{"USER", "MAY", "RESOURCE", "NAME"}, rows)
}
