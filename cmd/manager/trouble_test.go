package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// ordeal is a manager's life: started into trouble, which lasts for a while and is then mended.
type ordeal struct {
	flags []string // besides those that every manager needs; they win
	says  string   // in readyz, while the trouble lasts
	logs  string   // in exactly one line of the log; empty: the same as says
	mend  func()

	everywhere bool // it watches all namespaces
}

// lasting is how long a trouble is watched: for several looks at it.
const lasting = 5 * time.Second

// suffer runs a manager through an ordeal.
func (o ordeal) suffer(t *testing.T, kafka *kafkatest.Cluster, installation string) {
	t.Helper()
	namespace := controlplane.ForTest(t).Namespace(t)
	flags := []string{"--installation", installation, "--leader-election-namespace", namespace}
	if !o.everywhere { // others run beside it, and what earlier tests left is not its business
		flags = append(flags, "--namespaces", namespace)
	}
	if kafka != nil {
		flags = append(flags, "--kafka-brokers", strings.Join(kafka.Brokers, ","))
	}
	p := startPlain(t, append(flags, o.flags...)...)
	complains := func() bool {
		code, text := p.readyz()
		return code == http.StatusServiceUnavailable && strings.Contains(text, o.says)
	}
	p.await("readyz to say: "+o.says, complains)
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		p.await("readyz to say still: "+o.says, complains)
	}
	if o.logs == "" {
		o.logs = o.says
	}
	if told := p.told(o.logs); len(told) != 1 {
		t.Errorf("%d lines say %q, want one: %q", len(told), o.logs, told)
	}
	if errs := p.told(`"level":"ERROR"`); len(errs) > 1 {
		t.Errorf("%d lines of errors, want one: %q", len(errs), errs)
	}
	o.mend()
	p.await("readiness", func() bool { code, _ := p.readyz(); return code == http.StatusOK })
	p.await("the lease", func() bool { return strings.Contains(p.readyzText(), "work: leads") })
	if errs := p.told(`"level":"ERROR"`); len(errs) > 1 {
		t.Errorf("%d lines of errors when it was mended, want one: %q", len(errs), errs)
	}
}

// startPlain starts a manager that has ports of its own and nothing else that it was not told.
func startPlain(t *testing.T, flags ...string) *process {
	t.Helper()
	args := []string{"--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "127.0.0.1:0", "--allow-all-topics"}
	if !slices.Contains(flags, "--kubeconfig") {
		args = append(args, "--kubeconfig", controlplane.ForTest(t).Kubeconfig())
	}
	if !slices.Contains(flags, "--reply-token-key-file") {
		args = append(args, "--insecure-reply-token-key")
	}
	return start(t, append(args, flags...)...)
}

func (p *process) readyzText() string {
	p.t.Helper()
	_, text := p.readyz()
	return text
}

// told are the lines of the log with that text in what they say.
func (p *process) told(text string) (lines []string) {
	p.t.Helper()
	for _, line := range strings.Split(p.log.String(), "\n") {
		var fields map[string]any
		plain := line
		if json.Unmarshal([]byte(line), &fields) == nil {
			for _, field := range []string{"err", "reason"} {
				if value, ok := fields[field].(string); ok {
					plain += "\n" + value // without JSON's quoting
				}
			}
		}
		if strings.Contains(plain, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

func ownTopics(installation string) []string {
	return []string{wire.RepliesTopic(installation), wire.OutcomesTopic(installation), wire.DeadLettersTopic(installation)}
}

func TestTheManagerWaitsForWhatIsMissingAndBeginsOnceItIsThere(t *testing.T) {
	kafka := kafkatest.Start(t)
	for name, test := range map[string]struct {
		installation string
		ordeal       func(t *testing.T) ordeal
	}{
		"a key file that is not there":      {"keyless", keyFile("", "no such file or directory")},
		"a key that is too short":           {"short", keyFile("seven", "has 5 bytes, at least 32 are needed")},
		"an API server that does not run":   {"apiless", apiServerAway},
		"a clock that is 10 s ahead":        {"ahead", clockOff(10 * time.Second)},
		"a clock that is 10 s behind":       {"behind", clockOff(-10 * time.Second)},
		"permissions that nobody gave":      {"forbidden", noPermission},
		"a namespace that does not exist":   {"homeless", noNamespace},
		"topics that nobody made":           {"topicless", topicsMissing(kafka)},
		"resource definitions, all of them": {"crdless", definitionsMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.installation != "topicless" {
				createOwnTopics(t, kafka, test.installation)
			}
			test.ordeal(t).suffer(t, kafka, test.installation)
		})
	}
}

func keyFile(content, says string) func(*testing.T) ordeal {
	return func(t *testing.T) ordeal {
		dir := t.TempDir()
		path := filepath.Join(dir, "key")
		write := func(content string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if content != "" {
			write(content)
		}
		return ordeal{flags: []string{"--reply-token-key-file", path}, says: says, mend: func() { write(strings.Repeat("k", wire.MinKey)) }}
	}
}

func apiServerAway(t *testing.T) ordeal {
	front := newFront(t)
	front.stop()
	return ordeal{
		flags: []string{"--kubeconfig", front.kubeconfig(t)},
		says:  "kubernetes: the API server does not answer: connection refused", logs: "the API server does not answer: connection refused",
		mend: func() { front.start(t) },
	}
}

func clockOff(ours time.Duration) func(*testing.T) ordeal {
	return func(t *testing.T) ordeal {
		front := newFront(t)
		front.shift.Store(int64(-ours)) // the API server's clock seems to be off by as much
		return ordeal{
			flags: []string{"--kubeconfig", front.kubeconfig(t)},
			says:  "clock: this machine's clock is too far from the API server's", logs: "Not leading because of the clock",
			mend: func() { front.shift.Store(0) },
		}
	}
}

func noPermission(t *testing.T) ordeal {
	plane, api := controlplane.ForTest(t), apiClient(t)
	user, err := plane.AddUser("nobody-yet")
	if err != nil {
		t.Fatal(err)
	}
	return ordeal{
		flags: []string{"--kubeconfig", user.Kubeconfig},
		says:  "kubernetes: cannot create, delete, get, list, patch, update, watch sagas.sagas.dev: forbidden",
		logs:  "cannot create, delete, get, list, patch, update, watch sagas.sagas.dev: forbidden",
		mend:  func() { grantEverywhere(t, api, "nobody-yet") },

		everywhere: true,
	}
}

func noNamespace(t *testing.T) ordeal {
	api := apiClient(t)
	return ordeal{
		flags: []string{"--leader-election-namespace", "not-yet"},
		says:  `namespaces "not-yet" not found`,
		mend:  func() { create(t, api, namespaceNamed("not-yet")) },
	}
}

func topicsMissing(kafka *kafkatest.Cluster) func(*testing.T) ordeal {
	return func(t *testing.T) ordeal {
		return ordeal{
			says: "topics: missing: topicless.saga.replies, topicless.saga.outcomes, topicless.saga.deadletters; create them",
			mend: func() { kafka.CreateTopics(t, 2, ownTopics("topicless")...) },
		}
	}
}

func definitionsMissing(t *testing.T) ordeal {
	plane := bare(t)
	return ordeal{
		flags: []string{"--kubeconfig", plane.Kubeconfig(), "--leader-election-namespace", "default"},
		says:  "kubernetes: the CRDs sagas.sagas.dev, sagadefinitions.sagas.dev, sagaparticipants.sagas.dev, sagatriggers.sagas.dev, orderworkflows.sagas.dev are not installed",
		logs:  "are not installed",
		mend:  func() { install(t, plane, "") },
	}
}

// bare is a control plane without any of our resource definitions.
func bare(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	return plane
}

// install installs the resource definitions but for one.
func install(t *testing.T, plane *controlplane.ControlPlane, but string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "crd", "bases", "*.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d definitions, error %v", len(files), err)
	}
	if but != "" {
		files = slices.DeleteFunc(files, func(file string) bool { return strings.Contains(file, but) })
	}
	if err := plane.InstallCRDs(t.Context(), files...); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutOrderWorkflowsNeitherTheirDefinitionNorPermissionsForThemAreNeeded(t *testing.T) {
	kafka, plane := kafkatest.Start(t), bare(t)
	install(t, plane, "orderworkflows")
	createOwnTopics(t, kafka, "orderless")
	user, err := plane.AddUser("orderless")
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(plane.Config(), client.Options{Scheme: rbacScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	grantRules(t, api, "orderless", append(rulesOf(grants), rulesOf([]permission{leaseGrant})...))
	flags := []string{
		"--kafka-brokers", strings.Join(kafka.Brokers, ","), "--installation", "orderless", "--leader-election-namespace", "default",
		"--kubeconfig", user.Kubeconfig,
	}
	p := startPlain(t, append(flags, "--order-workflows=false")...)
	p.await("readiness", func() bool {
		code, text := p.readyz()
		return code == http.StatusOK && strings.Contains(text, "work: leads")
	})
	if errs := p.told(`"level":"ERROR"`); len(errs) > 0 {
		t.Errorf("errors: %q", errs)
	}
	with := startPlain(t, append(flags, "--installation", "ordered")...)
	with.await("readyz to name what orders need", func() bool {
		return strings.Contains(with.readyzText(), "kubernetes: the CRD orderworkflows.sagas.dev is not installed")
	})
}
