// Command selftest runs two sagas of its own and removes them again.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "selftest: not written yet")
	os.Exit(1)
}
