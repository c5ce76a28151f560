package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sagas-dev/saga-operator/internal/manifests"
	"github.com/sagas-dev/saga-operator/internal/simulate/explore"
)

const simulateHelp = `Play every life that one or two faults can give the sagas in files, before they run anywhere.

Nothing is asked of a cluster: the operator's own engine runs, with participants that keep the wire contract and a clock that
moves by itself. Commands and answers are lost, late, repeated, refused; the manager crashes; the saga is aborted, deleted,
suspended, lost and adopted. In every life all must be done in the end, or all be undone, or somebody be asked for.

` + filesHelp + `

It ends with 0 where this holds, with 1 and the shortest life that breaks it, in sentences, where it does not, and with 2 where the files
or the flags are wrong.`

const simulateExample = `  kubectl saga simulate order-fulfilment.yaml order-completes.yaml
  kubectl saga simulate definition.yaml --params '{"orderId":"1"}' --outputs '{"charge":{"paymentId":"p"}}'
  kubectl saga simulate definition.yaml --assume-effects -o json`

// simulation is one command line.
type simulation struct {
	streams       genericiooptions.IOStreams
	params        string
	outputs       string
	output        string
	steps         []string
	pairs         bool
	assumeEffects bool
	traces        bool
	workers       int
}

func newSimulate(streams genericiooptions.IOStreams) *cobra.Command {
	s := simulation{streams: streams}
	command := &cobra.Command{
		Use:     "simulate FILE|DIR|-...",
		Short:   "Prove what is in files: play every life that one or two faults can give it",
		Long:    simulateHelp,
		Example: simulateExample,
		Args:    arguments(someFiles),
		RunE:    func(_ *cobra.Command, args []string) error { return s.run(args) },
	}
	flags := command.Flags()
	flags.StringVar(&s.params, "params", "", "params to run with: a JSON or YAML object, or a file that holds one (default: those of a saga or order in the files, else made from the parameters schema)")
	flags.StringVar(&s.outputs, "outputs", "", "what participants answer, and what awaited events hold: an object by step, or a file that holds one (default: made from outputSchema, output and what expressions read)")
	flags.StringVarP(&s.output, "output", "o", "text", "text or json")
	flags.StringSliceVar(&s.steps, "step", nil, "let faults strike at this step only; may be repeated")
	flags.BoolVar(&s.pairs, "pairs", true, "play lives with two faults, too")
	flags.BoolVar(&s.assumeEffects, "assume-effects", false, "question every compensation: {policy: None}: take it that the action has an effect all the same")
	flags.BoolVar(&s.traces, "traces", false, "show the shortest life of every end, not only of breaches and of what one fault makes wait")
	flags.IntVar(&s.workers, "workers", 0, "how many lives are played at the same time (default: one for each core)")
	complete(command, "output", "text", "json")
	return command
}

// proved is what was found out about one definition.
type proved struct {
	Name    string         `json:"name"`
	File    string         `json:"file"`
	Params  string         `json:"params"`            // where they are from
	Refused string         `json:"refused,omitempty"` // why the operator would not take it
	Seconds float64        `json:"seconds"`
	Report  explore.Report `json:"report"`
}

func (s simulation) run(paths []string) error {
	if err := oneOf("output", s.output, "text", "json"); err != nil {
		return err
	}
	sources, err := readFiles(paths, s.streams.In)
	if err != nil {
		return err
	}
	set, err := manifests.Draft(sources) // it shows why what the rules refuse would go wrong
	if err != nil {
		return asMisuse(err)
	}
	subjects, err := subjectsOf(set)
	if err != nil {
		return asMisuse(err)
	}
	failed := false
	var all []proved
	for _, subject := range subjects {
		p, err := s.prove(subject)
		if err != nil {
			return misuse("%s (%s): %w", subject.name, subject.file, err)
		}
		failed = failed || p.Refused != "" || len(p.Report.Breaches()) > 0
		all = append(all, p)
		if s.output == "text" {
			s.write(p)
		}
	}
	if s.output == "json" {
		encoder := json.NewEncoder(s.streams.Out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(all); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	if failed {
		return errSilent
	}
	return nil
}

// prove plays all lives of one subject.
func (s simulation) prove(subject subject) (proved, error) {
	p := proved{Name: subject.name, File: subject.file}
	c, err := s.caseOf(subject, &p)
	if err != nil {
		return p, err
	}
	options := explore.Options{Faults: 1, Steps: s.steps, Workers: s.workers}
	if s.pairs {
		options.Faults = 2
	}
	start := time.Now()
	p.Report = explore.Explore(c, options)
	p.Seconds = time.Since(start).Seconds()
	return p, nil
}

// valueOf reads a flag that holds a value, or names a file that does.
func valueOf(flag, text string) ([]byte, error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		raw, err := os.ReadFile(text)
		if err != nil {
			return nil, misuse("--%s is neither an object nor a file that can be read: %w", flag, err)
		}
		text = string(raw)
	}
	return []byte(text), nil
}

func (s simulation) write(p proved) {
	writeProved(s.streams.Out, p, s.traces)
}
