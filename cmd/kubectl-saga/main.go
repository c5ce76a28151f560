// kubectl-saga is the plugin by which people write, prove, start, watch and decide about sagas: `kubectl saga`.
package main

import (
	"os"

	"github.com/sagas-dev/saga-operator/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], cli.StandardStreams())) }
