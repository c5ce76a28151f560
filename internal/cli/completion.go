package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

type flag = pflag.Flag

// completionTimeout bounds how long a shell waits for names of objects.
const completionTimeout = 3 * time.Second

// maxCompletions bounds how many names are offered.
const maxCompletions = 500

// completes offers values for a flag.
func completes(cmd *cobra.Command, name string, offer cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, offer); err != nil {
		panic(err) // the flag is not declared, or twice: a mistake of ours that every test sees
	}
}

// offers runs a look-up for completion. What fails offers nothing: a shell has no place to say why.
func (c *connection) offers(toComplete string, look func(context.Context, *session) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	s, err := c.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, err := look(ctx, s)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, toComplete) }), cobra.ShellCompDirectiveNoFileComp
}

// completeSagas offers the names of sagas that are not named yet; at most limit are, 0 for any number.
func (c *connection) completeSagas(limit int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, directive := c.offers(toComplete, namesOf("SagaList"))
		return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) }), directive
	}
}

// completeDefinitions offers the name of one definition.
func (c *connection) completeDefinitions(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.offers(toComplete, namesOf("SagaDefinitionList"))
}

// completeSteps offers a saga, and then those of its steps that want says.
func (c *connection) completeSteps(want func(*v1alpha1.StepStatus) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return c.completeSagas(1)(cmd, args, toComplete)
		case 1:
			return c.offers(toComplete, func(ctx context.Context, s *session) ([]string, error) {
				saga, err := s.saga(ctx, args[0])
				if err != nil {
					return nil, err
				}
				return stepNames(saga, want), nil
			})
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

func stepNames(saga *v1alpha1.Saga, want func(*v1alpha1.StepStatus) bool) []string {
	var names []string
	for i := range saga.Status.Steps {
		if st := &saga.Status.Steps[i]; want(st) {
			names = append(names, st.Name)
		}
	}
	return names
}

// namesOf looks up the names of the objects of one kind in the namespace.
func namesOf(kind string) func(context.Context, *session) ([]string, error) {
	return func(ctx context.Context, s *session) ([]string, error) {
		return s.names(ctx, v1alpha1.GroupVersion.WithKind(kind), client.InNamespace(s.namespace))
	}
}

func (s *session) names(ctx context.Context, kind schema.GroupVersionKind, options ...client.ListOption) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind)
	if err := s.List(ctx, list, append(options, client.Limit(maxCompletions))...); err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].GetName())
	}
	return names, nil
}

func (c *connection) completeNamespaces(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	return c.offers(toComplete, func(ctx context.Context, s *session) ([]string, error) {
		return s.names(ctx, schema.GroupVersionKind{Version: "v1", Kind: "NamespaceList"})
	})
}

func (c *connection) completeContexts(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	raw, err := c.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := slices.Sorted(maps.Keys(raw.Contexts))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, toComplete) }), cobra.ShellCompDirectiveNoFileComp
}
