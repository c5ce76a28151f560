// Command image puts programs that are built already into container images, without a container engine and without a
// registry. The same programs give the same bytes each time: nothing in an image depends on when, where or by whom it
// was made.
//
//	image --version 0.1.0 --commit 0123456789ab --created 1700000000 --layout dist/oci --archive dist/image.tar \
//	  linux/amd64=bin/linux-amd64 linux/arm64=bin/linux-arm64
//
// Source: docs/releases.md, "The image".
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/pflag"
)

// options are what the program is told.
type options struct {
	name, version, commit string
	created               int64  // seconds since 1970
	layout                string // directory for an OCI layout
	archive               string // file for docker load
	push                  string // reference
	plainHTTP             bool
	sources               []source
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	images := map[string]v1.Image{}
	for _, s := range o.sources {
		image, err := assemble(s, o)
		if err != nil {
			return fmt.Errorf("assembling %s: %w", s.platform, err)
		}
		images[s.platform.String()] = image
		id, err := image.ConfigName()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %s\n", s.platform, id)
	}
	return o.write(images, out)
}

func parse(args []string) (options, error) {
	var o options
	flags := pflag.NewFlagSet("image", pflag.ContinueOnError)
	flags.StringVar(&o.name, "name", "saga-operator", "name of the image, for --archive")
	flags.StringVar(&o.version, "version", "", "version: the label, and the tag in --archive. Required")
	flags.StringVar(&o.commit, "commit", "", "commit, for a label")
	flags.Int64Var(&o.created, "created", 0, "time of creation, in `seconds` since 1970: the commit's")
	flags.StringVar(&o.layout, "layout", "", "`directory` to write an OCI layout to, with all platforms; it is replaced")
	flags.StringVar(&o.archive, "archive", "", "`file` to write for docker load; needs a single platform")
	flags.StringVar(&o.push, "push", "", "`reference` to push to, with all platforms; credentials are those of docker login")
	flags.BoolVar(&o.plainHTTP, "plain-http", false, "push without TLS")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, arg := range flags.Args() {
		s, err := parseSource(arg)
		if err != nil {
			return o, err
		}
		o.sources = append(o.sources, s)
	}
	return o, o.check()
}

func (o options) check() error {
	switch {
	case o.version == "":
		return errors.New("--version is required")
	case len(o.sources) == 0:
		return errors.New("name what to put in, as linux/amd64=DIRECTORY")
	case o.archive != "" && len(o.sources) != 1:
		return errors.New("--archive takes a single platform")
	}
	return nil
}

func (o options) time() time.Time { return time.Unix(o.created, 0).UTC() }
