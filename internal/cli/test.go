package cli

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sagas-dev/saga-operator/internal/casetest"
)

// testOptions are the flags of kubectl saga test.
type testOptions struct {
	genericiooptions.IOStreams
	run, junit, output string
}

func newTest(streams genericiooptions.IOStreams) *cobra.Command {
	o := &testOptions{IOStreams: streams}
	c := &cobra.Command{
		Use:   "test FILE|DIR|-...",
		Short: "Run the cases that stand beside a definition",
		Long: "Runs the cases of documents of kind SagaTest: what each participant answers, what else happens, and what must come of it.\n" +
			"Nothing outside of this process is needed, and cases that take days take none: the clock is the case's own. " + filesHelp + "\n\n" +
			"Ends with 0 where all cases passed, 1 where one failed, 2 where the files or the flags are wrong.",
		Example: "  kubectl saga test orders/\n  kubectl saga test orders/ --run 'declined' --junit report.xml",
		Args:    arguments(someFiles),
		RunE:    func(_ *cobra.Command, args []string) error { return o.test(args) },
	}
	c.Flags().StringVar(&o.run, "run", "", "run only the cases whose `<test>/<case>` matches this regular expression")
	c.Flags().StringVar(&o.junit, "junit", "", "write a report in JUnit's form to this `file`, too")
	c.Flags().StringVarP(&o.output, "output", "o", "", "json: the results as JSON")
	complete(c, "output", "json")
	return c
}

func (o *testOptions) test(paths []string) error {
	only, err := regexp.Compile(o.run)
	if err != nil {
		return misuse("--run: %w", err)
	}
	if err := oneOf("output", o.output, "", "json"); err != nil {
		return err
	}
	sources, err := readFiles(paths, o.In)
	if err != nil {
		return err
	}
	suites, err := casetest.Load(sources)
	if err != nil {
		return asMisuse(err)
	}
	results, err := runCases(suites, only)
	if err != nil {
		return asMisuse(err)
	}
	if len(results) == 0 {
		return misuse("--run: no case matches %q", o.run)
	}
	return o.report(results)
}

func runCases(suites []casetest.Suite, only *regexp.Regexp) ([]casetest.Result, error) {
	var results []casetest.Result
	for i := range suites {
		s := &suites[i]
		for n := range s.Cases {
			if !only.MatchString(s.Metadata.Name + "/" + s.Cases[n].Name) {
				continue
			}
			result, err := s.Run(n)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.File, err)
			}
			results = append(results, result)
		}
	}
	return results, nil
}

func (o *testOptions) report(results []casetest.Result) error {
	if o.junit != "" {
		if err := writeJUnit(o.junit, results); err != nil {
			return err
		}
	}
	write := casetest.Print
	if o.output == "json" {
		write = casetest.PrintJSON
	}
	if err := write(o.Out, results); err != nil {
		return err
	}
	for _, r := range results {
		if !r.Passed() {
			return errSilent
		}
	}
	return nil
}

func writeJUnit(file string, results []casetest.Result) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return casetest.PrintJUnit(f, results)
}
