// Command sbom writes a bill of materials, in CycloneDX's JSON, of what is in Go programs: it reads the list of modules that
// the compiler has put into each of them, so it says what is there, not what go.mod would allow.
//
//	sbom --name saga-operator --version 0.1.0 --created 1700000000 bin/linux-amd64/* > sbom.cdx.json
//
// Source: docs/releases.md, "The bill of materials".
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"
)

// options are what the program is told.
type options struct {
	name, version string
	created       int64 // seconds since 1970
	programs      []string
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var o options
	flags := pflag.NewFlagSet("sbom", pflag.ContinueOnError)
	flags.StringVar(&o.name, "name", "saga-operator", "name of what the programs belong to")
	flags.StringVar(&o.version, "version", "", "its version. Required")
	flags.Int64Var(&o.created, "created", 0, "time of creation, in `seconds` since 1970: the commit's")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.programs = flags.Args(); o.version == "" || len(o.programs) == 0 {
		return errors.New("--version and the files of programs are required")
	}
	bill, err := o.bill()
	if err != nil {
		return err
	}
	return encode(bill, out)
}

func (o options) time() string { return time.Unix(o.created, 0).UTC().Format(time.RFC3339) }
