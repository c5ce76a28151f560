package devrun

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/casetest"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/manifests"
	"github.com/sagas-dev/saga-operator/internal/order"
)

// filesChanged says whether any file is another than when this was asked last.
func (r *session) filesChanged() bool {
	now := ""
	files, err := manifests.Files(r.paths()...)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			now += fmt.Sprintf("%s %d %s\n", file, info.Size(), info.ModTime())
		}
	}
	if err != nil {
		now = err.Error()
	}
	changed := now != r.files
	r.files = now
	return changed
}

func (r *session) paths() []string { return append(slices.Clone(r.o.Paths), r.o.Start...) }

// sources reads files. What is piped in is there once, and stays as it was.
func (r *session) sources(paths ...string) ([]manifests.Source, error) {
	if slices.Contains(paths, manifests.Stdin) && r.piped == nil {
		text, err := io.ReadAll(r.o.In)
		if err != nil {
			return nil, fmt.Errorf("reading what is piped in: %w", err)
		}
		r.piped = text
	}
	return manifests.Sources(paths, bytes.NewReader(r.piped))
}

// loaded is what the files say, as far as it can be used.
type loaded struct {
	set   *manifests.Set
	sagas []*v1alpha1.Saga // also those of orders
}

// reload looks at the files again: new sagas and orders start, and what is asked of running ones is taken. A definition that has
// changed counts for sagas that start from now on.
func (r *session) reload() error {
	files, err := r.load()
	if files == nil {
		return err
	}
	return errors.Join(err, r.take(files))
}

// load reads the files, and starts nothing yet. Its error says all that is wrong; nil, too: nothing can be used.
func (r *session) load() (*loaded, error) {
	sources, err := r.sources(r.paths()...)
	if err != nil {
		return nil, err
	}
	set, err := manifests.Read(sources)
	if err != nil {
		return nil, err
	}
	if err := r.learnScripts(); err != nil {
		return nil, err
	}
	files := &loaded{set: set}
	files.sagas, err = sagasIn(set)
	r.topics.learn(set)
	return files, errors.Join(err, r.compile(set))
}

// compile says what is wrong with the definitions of the files, also with those that stand in sagas.
func (r *session) compile(set *manifests.Set) error {
	var errs []error
	for _, d := range set.Definitions {
		if err := r.runner.Check(d.Value.Spec); err != nil {
			errs = append(errs, fmt.Errorf("%s: SagaDefinition %q: %w", d.File, d.Value.Name, err))
		}
	}
	for _, s := range set.Sagas {
		if s.Value.Spec.Definition == nil {
			continue
		}
		if err := r.runner.Check(*s.Value.Spec.Definition); err != nil {
			errs = append(errs, fmt.Errorf("%s: Saga %q: spec.definition: %w", s.File, s.Value.Name, err))
		}
	}
	return errors.Join(errs...)
}

// take makes the topics and starts the sagas that are new.
func (r *session) take(files *loaded) error {
	if err := r.makeTopics(); err != nil {
		return err
	}
	var errs []error
	for _, saga := range files.sagas {
		errs = append(errs, r.want(files.set, saga))
	}
	return errors.Join(errs...)
}

// sagasIn are the sagas of the files, and those of their orders.
func sagasIn(set *manifests.Set) ([]*v1alpha1.Saga, error) {
	var sagas []*v1alpha1.Saga
	var errs []error
	for _, s := range set.Sagas {
		sagas = append(sagas, s.Value)
	}
	for _, o := range set.Orders {
		if err := order.Check(o.Value.Spec); err != nil {
			errs = append(errs, fmt.Errorf("%s: OrderWorkflow %q: spec.%w", o.File, o.Value.Name, err))
			continue
		}
		saga, err := order.SagaOf(o.Value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", o.File, err))
			continue
		}
		sagas = append(sagas, saga)
	}
	return sagas, errors.Join(errs...)
}

// want starts the saga where it is new, and takes what is asked of it where it is not.
func (r *session) want(set *manifests.Set, saga *v1alpha1.Saga) error {
	if saga.Namespace == "" {
		saga.Namespace = "default"
	}
	for _, s := range r.sagas {
		if s.Identity.Namespace == saga.Namespace && s.Identity.Name == saga.Name {
			r.ask(s, saga.Spec)
			return nil
		}
	}
	def, err := definitionIn(set, saga)
	if err != nil {
		return fmt.Errorf("saga %q: %w", saga.Name, err)
	}
	if r.runner.Check(def) != nil {
		return nil //nolint:nilerr // it was told with the definition; the saga starts once that is mended
	}
	saga.UID, saga.CreationTimestamp = uuid.NewUUID(), metav1.NewTime(r.now())
	started, err := r.runner.Start(saga, def)
	if err != nil {
		return err
	}
	r.sagas = append(r.sagas, started)
	r.ask(started, saga.Spec)
	return nil
}

// definitionIn is what the saga runs.
func definitionIn(set *manifests.Set, saga *v1alpha1.Saga) (v1alpha1.SagaDefinitionSpec, error) {
	if saga.Spec.Definition != nil {
		return *saga.Spec.Definition, nil
	}
	found, err := set.Definition(saga.Spec.DefinitionRef.Name) // one of both is there: the resource's rules see to that
	if err != nil {
		return v1alpha1.SagaDefinitionSpec{}, err
	}
	return found.Spec, nil
}

// ask takes the fields by which people ask something of a saga that runs, as far as they were not taken yet.
func (r *session) ask(s *local.Saga, spec v1alpha1.SagaSpec) {
	if s.Ended() {
		return
	}
	var events []engine.Event
	state := s.State()
	for _, asked := range []struct {
		wanted  bool
		request engine.Request
		latch   v1alpha1.Latch
	}{{spec.Abort, engine.Abort, v1alpha1.LatchAbort}, {spec.Adopt, engine.Adopt, v1alpha1.LatchAdopt}} {
		if asked.wanted && !slices.Contains(state.Latches, asked.latch) {
			events = append(events, engine.Asked{Request: asked.request})
		}
	}
	switch {
	case spec.Suspend && state.SuspendTime == nil:
		events = append(events, engine.Asked{Request: engine.Suspend})
	case !spec.Suspend && state.SuspendTime != nil:
		events = append(events, engine.Asked{Request: engine.Resume})
	}
	events = append(events, engine.Decisions(state.Steps, spec.Resolutions)...)
	if len(events) > 0 {
		r.turn(s, events...)
	}
}

// learnScripts reads what stubs are to answer, once.
func (r *session) learnScripts() error {
	if r.stubs.scripts != nil || len(r.o.Script) == 0 {
		return nil
	}
	sources, err := r.sources(append(slices.Clone(r.o.Script), r.o.Paths...)...)
	if err != nil {
		return fmt.Errorf("--script: %w", err)
	}
	suites, err := casetest.Load(sources)
	if err != nil {
		return fmt.Errorf("--script: %w", err)
	}
	r.stubs.scripts, r.stubs.cases = map[string]*casetest.Script{}, map[string]casetest.Case{}
	for _, suite := range suites {
		if !slices.ContainsFunc(r.o.Script, func(file string) bool { return filepath.Clean(file) == suite.File }) {
			continue
		}
		if len(suite.Cases) != 1 {
			return fmt.Errorf("--script: %s has %d cases about %q; a script has one", suite.File, len(suite.Cases), suite.Definition)
		}
		r.stubs.scripts[suite.Definition] = casetest.NewScript(suite.Cases[0].Answers)
		r.stubs.cases[suite.Definition] = suite.Cases[0]
	}
	if len(r.stubs.scripts) == 0 {
		return fmt.Errorf("--script: none of %v holds a document of kind %s", r.o.Script, manifests.KindTest)
	}
	return nil
}
