// Package version says which release a program is, and what it was built from.
//
// The file VERSION beside this one is the only place that holds the number: CHANGELOG.md, the chart and the manifests follow
// it, and make verify says where they do not.
package version

import (
	_ "embed"
	"fmt"
	"runtime"
	"strings"
)

//go:embed VERSION
var file string

// Set by the linker: -X github.com/sagas-dev/saga-operator/internal/version.commit=….
var (
	commit string // what Git had checked out; with -dirty behind it where files were changed
	number string // in place of what VERSION says
)

// Number is the version, such as 0.1.0.
func Number() string {
	if number != "" {
		return number
	}
	return strings.TrimSpace(file)
}

// Commit is what the program was built from, or "unknown" where its build did not say.
func Commit() string {
	if commit == "" {
		return "unknown"
	}
	return commit
}

// Text is what --version prints: 0.1.0 (commit 0123456789ab, go1.26.8, linux/amd64).
func Text() string {
	return fmt.Sprintf("%s (commit %s, %s, %s/%s)", Number(), Commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
