package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// launch is a saga to be started, as the command line says it.
type launch struct {
	params, paramsJSON []string
	paramsFile         string
	key, businessKey   string
	name, generateName string
	revision           string
	wait               bool
	timeout            time.Duration
	dryRun, output     string
}

func newStart(streams genericiooptions.IOStreams) *cobra.Command {
	l := &launch{}
	cmd := &cobra.Command{
		Use:   "start DEFINITION",
		Short: "Start a saga",
		Long: "Starts a saga from a definition. --param takes texts, which money should be; --param-json takes any JSON value; both win over --params-file. " +
			"A saga without --key has its name as idempotency key: where the name is generated, every call starts another transaction.",
		Example: "  kubectl saga start checkout --name order-1 --param orderId=1 --param amount=12.50 --wait\n" +
			"  kubectl saga start checkout --params-file order.yaml --param-json 'lines=[{\"sku\":\"A\"}]' --dry-run=client",
		Args: arguments(cobra.ExactArgs(1)),
	}
	at := connects(cmd)
	l.addFlags(cmd)
	cmd.ValidArgsFunction = at.completeDefinitions
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return l.run(cmd.Context(), streams, at, args[0]) }
	return cmd
}

func (l *launch) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&l.params, "param", "p", nil, "NAME=TEXT: a param that is a text; may be repeated")
	flags.StringArrayVar(&l.paramsJSON, "param-json", nil, "NAME=JSON: a param that is any JSON value; may be repeated")
	flags.StringVar(&l.paramsFile, "params-file", "", "YAML or JSON file with an object of params; - is what is piped in")
	flags.StringVar(&l.key, "key", "", "idempotency key: participants execute a key once. Default: the name")
	flags.StringVar(&l.businessKey, "business-key", "", "what people know the transaction by, such as an order number")
	flags.StringVar(&l.name, "name", "", "name of the saga")
	flags.StringVar(&l.generateName, "generate-name", "", "beginning of a generated name. Default: DEFINITION-")
	flags.StringVar(&l.revision, "revision", "", "revision of the definition. Default: the newest")
	flags.BoolVar(&l.wait, "wait", false, "wait until it has ended; exit 1 if it was not completed")
	flags.DurationVar(&l.timeout, "timeout", 0, "how long to wait at most. Default: without limit")
	flags.StringVarP(&l.output, "output", "o", "", "json, yaml or name")
	complete(cmd, "output", outputJSON, outputYAML, outputName)
	addDryRun(cmd, &l.dryRun)
}

func (l *launch) check() error {
	if l.name != "" && l.generateName != "" {
		return misuse("--name or --generate-name: not both")
	}
	if l.wait && l.dryRun != dryRunNone {
		return misuse("--wait does not go with a dry run")
	}
	return errors.Join(oneOf("output", l.output, "", outputJSON, outputYAML, outputName),
		oneOf("dry-run", l.dryRun, dryRunNone, dryRunClient, dryRunServer))
}

func (l *launch) run(ctx context.Context, streams genericiooptions.IOStreams, at *connection, definition string) error {
	if err := l.check(); err != nil {
		return err
	}
	s, err := at.open()
	if err != nil {
		return err
	}
	saga, err := l.saga(s.namespace, definition, streams.In)
	if err != nil {
		return err
	}
	if l.dryRun == dryRunClient {
		return l.print(streams, saga)
	}
	var options []client.CreateOption
	if l.dryRun == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	if err := s.Create(ctx, saga, options...); err != nil {
		return notStarted(saga, err)
	}
	if err := l.print(streams, saga); err != nil || !l.wait {
		return err
	}
	f := following{streams: streams, quiet: l.output != "", timeout: l.timeout}
	return f.run(ctx, s, []v1alpha1.Saga{*saga})
}

func notStarted(saga *v1alpha1.Saga, err error) error {
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("there is a saga %q already in namespace %q: kubectl saga why %s says how it stands", saga.Name, saga.Namespace, saga.Name)
	}
	return explain(fmt.Errorf("starting the saga: %w", err))
}

// saga is what is to be made. The finalizer is there from the start, which saves the operator the write that would add it.
func (l *launch) saga(namespace, definition string, stdin io.Reader) (*v1alpha1.Saga, error) {
	params, err := l.readParams(stdin)
	if err != nil {
		return nil, err
	}
	saga := &v1alpha1.Saga{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Saga"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: l.name, Finalizers: []string{v1alpha1.FinalizerSaga}},
		Spec: v1alpha1.SagaSpec{
			DefinitionRef: &v1alpha1.DefinitionReference{Name: definition, Revision: l.revision}, Params: params,
			IdempotencyKey: l.key, BusinessKey: l.businessKey,
		},
	}
	if l.name == "" {
		saga.GenerateName = l.generateName
		if saga.GenerateName == "" {
			saga.GenerateName = definition + "-"
		}
	}
	if _, err := program.Identity("", saga); err != nil {
		return nil, err
	}
	return saga, nil
}

// readParams puts the params together: those of the file, and over them those of the flags.
func (l *launch) readParams(stdin io.Reader) (*runtime.RawExtension, error) {
	params := map[string]any{}
	if l.paramsFile != "" {
		raw, err := readFile(l.paramsFile, stdin)
		if err != nil {
			return nil, misuse("--params-file: %w", err)
		}
		var fromFile map[string]json.RawMessage // whose numbers keep their digits
		if raw, err = yaml.YAMLToJSONStrict(raw); err == nil {
			err = json.Unmarshal(raw, &fromFile)
		}
		if err != nil {
			return nil, misuse("--params-file %s holds no object of params: %w", l.paramsFile, err)
		}
		for name, value := range fromFile {
			params[name] = value
		}
	}
	for _, param := range l.params {
		name, text, ok := strings.Cut(param, "=")
		if !ok || name == "" {
			return nil, misuse("--param must be NAME=TEXT, is %q", param)
		}
		params[name] = text
	}
	for _, param := range l.paramsJSON {
		name, text, ok := strings.Cut(param, "=")
		if !ok || name == "" || !json.Valid([]byte(text)) {
			return nil, misuse("--param-json must be NAME=JSON, is %q; texts need quotes, or --param", param)
		}
		params[name] = json.RawMessage(text)
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("writing the params: %w", err)
	}
	return &runtime.RawExtension{Raw: raw}, nil
}

func readFile(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// print says what was, or would be, made.
func (l *launch) print(streams genericiooptions.IOStreams, saga *v1alpha1.Saga) error {
	output := l.output
	if l.dryRun == dryRunClient && output == "" {
		output = outputYAML
	}
	if output != "" {
		return printSagas(streams.Out, []v1alpha1.Saga{*saga}, output, true)
	}
	dry := ""
	if l.dryRun == dryRunServer {
		dry = " (server dry run)"
	}
	fmt.Fprintf(streams.Out, "saga.%s/%s started%s\n", v1alpha1.GroupVersion.Group, saga.Name, dry)
	return nil
}
