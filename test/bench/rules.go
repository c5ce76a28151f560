package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/stage"
)

const (
	ruleSteps   = 10 // of the saga whose status is updated
	ruleClients = 16 // at once: enough for the API server's CPU to be the limit
	rulePairs   = 8  // so often the definitions with and without rules take turns
)

// ruleless is where a copy of the sagas' resource definition is served that has no rules.
var ruleless = schema.GroupVersion{Group: "ruleless." + v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version}

// ruleCost compares status updates of the same saga with and without rules.
type ruleCost struct {
	with, without       float64 // updates per second
	cpuWith, cpuWithout float64 // of the API server, seconds per update
	slower              float64 // by how much, as a share: the median over all pairs of turns
}

// rules measures what the rules of the resource definition (x-kubernetes-validations) cost a status update, with sagas of ten
// steps that name their definition, and with ones that hold it. Both definitions are served by the same API server at the same
// time, and take turns.
func (b *bench) rules(ctx context.Context, r *report) error {
	inline, err := b.inlineSaga("ten-steps")
	if err != nil {
		return err
	}
	statuses, err := b.recordStatuses(ctx, inline.DeepCopy(), ruleSteps)
	if err != nil {
		return err
	}
	bare, err := b.withoutRules(ctx)
	if err != nil {
		return err
	}
	named := inline.DeepCopy()
	named.Spec.Definition, named.Spec.DefinitionRef = nil, &v1alpha1.DefinitionReference{Name: definition}
	for _, form := range []struct {
		name string
		saga *v1alpha1.Saga
	}{{"names its definition", named}, {"holds its definition", inline}} {
		cost, err := b.compareRules(ctx, b.Client, bare, form.saga, statuses)
		if err != nil {
			return fmt.Errorf("a saga that %s: %w", form.name, err)
		}
		r.ruleCost(form.name, cost)
	}
	return nil
}

// inlineSaga holds its definition: ten actions that can be undone, a chain by dependsOn, with all durations that have rules.
func (b *bench) inlineSaga(name string) (*v1alpha1.Saga, error) {
	saga, err := b.saga(name, time.Hour)
	if err != nil {
		return nil, err
	}
	shop := &v1alpha1.SagaDefinition{}
	if err := b.Client.Get(context.Background(), client.ObjectKey{Namespace: stage.Shop, Name: definition}, shop); err != nil {
		return nil, fmt.Errorf("reading the definition: %w", err)
	}
	undone := shop.Spec.Steps[0]
	saga.Spec.DefinitionRef, saga.Spec.Definition = nil, shop.Spec.DeepCopy()
	saga.Spec.Definition.Steps, saga.Spec.Definition.Outputs = nil, nil
	for i := range ruleSteps {
		step := undone.DeepCopy()
		step.Name = fmt.Sprintf("reserve-%d", i)
		if i > 0 {
			step.DependsOn = []string{fmt.Sprintf("reserve-%d", i-1)}
		}
		saga.Spec.Definition.Steps = append(saga.Spec.Definition.Steps, *step)
	}
	return saga, nil
}

// withoutRules installs the resource definition without its rules, and returns a client to which sagas are of that one.
func (b *bench) withoutRules(ctx context.Context) (client.Client, error) {
	root, err := controlplane.Root()
	if err != nil {
		return nil, err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := readSample(filepath.Join(root, "config", "crd", "bases", "sagas.dev_sagas.yaml"), crd); err != nil {
		return nil, err
	}
	crd.Spec.Group = ruleless.Group
	crd.Name = crd.Spec.Names.Plural + "." + ruleless.Group
	crd.Spec.Names.ShortNames, crd.Spec.Names.Categories = nil, nil
	for i := range crd.Spec.Versions {
		removeRules(crd.Spec.Versions[i].Schema.OpenAPIV3Schema)
	}
	text, err := yaml.Marshal(crd)
	if err != nil {
		return nil, fmt.Errorf("writing a resource definition: %w", err)
	}
	file := filepath.Join(b.dir, "ruleless.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, fmt.Errorf("writing a resource definition: %w", err)
	}
	if err := b.Plane.InstallCRDs(ctx, file); err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(ruleless, &v1alpha1.Saga{}, &v1alpha1.SagaList{})
	metav1.AddToGroupVersion(scheme, ruleless)
	return client.New(b.Plane.Config(), client.Options{Scheme: scheme})
}

// removeRules takes the rules out of a schema and all below it.
func removeRules(s *apiextensionsv1.JSONSchemaProps) {
	s.XValidations = nil
	if s.Items != nil && s.Items.Schema != nil {
		removeRules(s.Items.Schema)
	}
	for name, property := range s.Properties {
		removeRules(&property)
		s.Properties[name] = property
	}
}

// turn is what was measured in one turn.
type turn struct {
	updates, seconds, cpu float64
}

func (t turn) rate() float64 { return t.updates / t.seconds }

func (t turn) plus(other turn) turn {
	return turn{t.updates + other.updates, t.seconds + other.seconds, t.cpu + other.cpu}
}

// compareRules has the two clients take turns with the same sagas, the first one being now this and now that one.
func (b *bench) compareRules(ctx context.Context, with, without client.Client, saga *v1alpha1.Saga, statuses []v1alpha1.SagaStatus) (c ruleCost, _ error) {
	clients := []client.Client{with, without}
	var all [2][]*v1alpha1.Saga
	for i, cl := range clients {
		var err error
		if all[i], err = makeSagas(ctx, cl, saga, ruleClients); err != nil {
			return c, err
		}
	}
	var sums [2]turn
	var slower []float64
	for pair := range rulePairs {
		var turns [2]turn
		for _, i := range []int{pair % 2, 1 - pair%2} {
			var err error
			if turns[i], err = b.updateInTurn(ctx, clients[i], all[i], statuses); err != nil {
				return c, err
			}
			sums[i] = sums[i].plus(turns[i])
		}
		slower = append(slower, 1-turns[0].rate()/turns[1].rate())
	}
	for i, cl := range clients {
		if err := cl.DeleteAllOf(ctx, &v1alpha1.Saga{}, client.InNamespace(bareNamespace)); err != nil {
			return c, fmt.Errorf("deleting %v: %w", i, err)
		}
	}
	slices.Sort(slower)
	return ruleCost{
		with: sums[0].rate(), without: sums[1].rate(), slower: (slower[(rulePairs-1)/2] + slower[rulePairs/2]) / 2,
		cpuWith: sums[0].cpu / sums[0].updates, cpuWithout: sums[1].cpu / sums[1].updates,
	}, nil
}

func makeSagas(ctx context.Context, c client.Client, like *v1alpha1.Saga, n int) (all []*v1alpha1.Saga, _ error) {
	for i := range n {
		saga := like.DeepCopy()
		saga.ObjectMeta = metav1.ObjectMeta{Namespace: bareNamespace, Name: fmt.Sprintf("rules-%d", i)}
		if err := c.Create(ctx, saga); err != nil {
			return nil, fmt.Errorf("creating: %w", err)
		}
		all = append(all, saga)
	}
	return all, nil
}

// updateInTurn writes statuses, one after the other, to one saga per client, for as long as any rate is measured.
func (b *bench) updateInTurn(ctx context.Context, c client.Client, all []*v1alpha1.Saga, statuses []v1alpha1.SagaStatus) (turn, error) {
	before, err := b.bareCosts(ctx)
	if err != nil {
		return turn{}, err
	}
	start := time.Now()
	rate, err := b.perSecond(ctx, len(all), func(ctx context.Context, worker, i int) error {
		all[worker].Status = *statuses[i%len(statuses)].DeepCopy()
		return c.Status().Update(ctx, all[worker])
	})
	seconds := time.Since(start).Seconds()
	if err != nil {
		return turn{}, err
	}
	after, err := b.bareCosts(ctx)
	return turn{updates: rate * seconds, seconds: seconds, cpu: after.since(before).apiServer}, err
}
