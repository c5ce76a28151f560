package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// pageSize is how many sagas are read at once.
const pageSize = 500

// selection says which sagas a command is about: some by name, or all that fit selectors.
type selection struct {
	labels, fields string
	everywhere     bool
}

func (s *selection) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.labels, "selector", "l", "", "sagas with these labels, such as shop=eu")
	cmd.Flags().StringVar(&s.fields, "field-selector", "", "sagas with these fields: status.phase, spec.definitionRef.name, spec.businessKey")
	cmd.Flags().BoolVarP(&s.everywhere, "all-namespaces", "A", false, "sagas of all namespaces")
	completes(cmd, "field-selector", completeFields)
}

// completeFields offers the fields that sagas are selected by, and the phases.
func completeFields(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	offers := []string{"spec.definitionRef.name=", "spec.businessKey="}
	for _, phase := range []v1alpha1.SagaPhase{v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating,
		v1alpha1.PhaseNeedsIntervention, v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseRejected} {
		offers = append(offers, "status.phase="+string(phase))
	}
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// given says whether selectors say which sagas.
func (s *selection) given() bool { return s.labels != "" || s.fields != "" || s.everywhere }

// check refuses names beside selectors, and neither where one is needed.
func (s *selection) check(names []string, needed bool) error {
	switch {
	case len(names) > 0 && s.given():
		return misuse("name sagas, or select them by -l, --field-selector and -A: not both")
	case len(names) == 0 && needed && s.labels == "" && s.fields == "":
		return misuse("which sagas? Name some, or select them by -l or --field-selector")
	}
	return nil
}

// options are those of a list.
func (s *selection) options(namespace string) ([]client.ListOption, error) {
	var options []client.ListOption
	if !s.everywhere {
		options = append(options, client.InNamespace(namespace))
	}
	if s.labels != "" {
		parsed, err := labels.Parse(s.labels)
		if err != nil {
			return nil, misuse("--selector: %w", err)
		}
		options = append(options, client.MatchingLabelsSelector{Selector: parsed})
	}
	if s.fields != "" {
		parsed, err := fields.ParseSelector(s.fields)
		if err != nil {
			return nil, misuse("--field-selector: %w", err)
		}
		options = append(options, client.MatchingFieldsSelector{Selector: parsed})
	}
	return options, nil
}

// sagas opens a session, and reads the sagas that are meant in it.
func (c *connection) sagas(ctx context.Context, names []string, by selection) (*session, []v1alpha1.Saga, error) {
	s, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	sagas, err := s.sagas(ctx, names, by)
	return s, sagas, err
}

// saga opens a session, and reads one saga in it.
func (c *connection) saga(ctx context.Context, name string) (*session, *v1alpha1.Saga, error) {
	s, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	saga, err := s.saga(ctx, name)
	return s, saga, err
}

// sagas reads those that are named, in that order, or all that are selected.
func (s *session) sagas(ctx context.Context, names []string, by selection) ([]v1alpha1.Saga, error) {
	if len(names) == 0 {
		return s.selected(ctx, by)
	}
	var found []v1alpha1.Saga
	for _, name := range names {
		saga, err := s.saga(ctx, name)
		if err != nil {
			return nil, err
		}
		found = append(found, *saga)
	}
	return found, nil
}

// selected reads all sagas that selectors choose, page by page.
func (s *session) selected(ctx context.Context, by selection) ([]v1alpha1.Saga, error) {
	options, err := by.options(s.namespace)
	if err != nil {
		return nil, err
	}
	var found []v1alpha1.Saga
	next := ""
	for {
		var page v1alpha1.SagaList
		if err := s.List(ctx, &page, append(options, client.Limit(pageSize), client.Continue(next))...); err != nil {
			return nil, explain(fmt.Errorf("listing sagas: %w", err))
		}
		found = append(found, page.Items...)
		if next = page.Continue; next == "" {
			return found, nil
		}
	}
}
