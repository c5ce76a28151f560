package docs

import (
	"regexp"
	"testing"

	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest/fakebroker"
)

var exported = regexp.MustCompile(`export (KUBECONFIG|PATH)=([^\s:]+)`)

func TestTheTutorial(t *testing.T) {
	needs(t, "DOCS", "make test-docs")
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{dir: root}
	s.run(t, "docs/tutorial.md", "", "tutorial", map[string]func(){
		"make dev": func() {
			for _, line := range exported.FindAllStringSubmatch(s.background(t, "make dev", "export PATH="), -1) {
				if line[1] == "PATH" {
					s.env = append(s.env, path(line[2]))
				} else {
					s.env = append(s.env, line[1]+"="+line[2])
				}
			}
			if len(s.env) != 2 {
				t.Fatalf("make dev has printed %v, not KUBECONFIG and PATH", s.env)
			}
		},
	})
}

func TestTheCommandsOfSizing(t *testing.T) {
	needs(t, "DOCS", "make test-docs")
	broker, err := fakebroker.Start("", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	set(t, broker.Addr(), "").run(t, "docs/sizing.md", "", "sizing", nil)
}
