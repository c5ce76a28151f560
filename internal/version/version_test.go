package version

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
)

func TestTheNumberIsASemanticVersion(t *testing.T) {
	if !regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`).MatchString(Number()) {
		t.Errorf("VERSION holds %q", Number())
	}
}

func TestWhatTheLinkerSaysWins(t *testing.T) {
	t.Cleanup(func(n, c string) func() { return func() { number, commit = n, c } }(number, commit))
	number, commit = "9.9.9-test", "0123456789ab"
	want := "9.9.9-test (commit 0123456789ab, " + runtime.Version()
	if got := Text(); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
}

func TestABuildThatDoesNotSayIsOfAnUnknownCommit(t *testing.T) {
	t.Cleanup(func(c string) func() { return func() { commit = c } }(commit))
	commit = ""
	if got := Text(); !strings.Contains(got, "commit unknown") {
		t.Errorf("got %q", got)
	}
}
