package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

// fieldManager is who writes, as the API server records it.
const fieldManager = "saga-cli"

// Requests per second to the API server, which has a limit of its own; --rate is what keeps bulk writes slow.
const (
	clientQPS   = 50
	clientBurst = 100
)

// shownFlags are those of kubectl's that help names; the others work, too.
var shownFlags = map[string]bool{"kubeconfig": true, "context": true, "namespace": true, "as": true}

// connection is how a command reaches the API server: kubectl's flags.
type connection struct {
	flags *genericclioptions.ConfigFlags
}

// connects adds kubectl's flags to a command.
func connects(cmd *cobra.Command) *connection {
	c := &connection{flags: genericclioptions.NewConfigFlags(true).WithWrapConfigFn(func(config *rest.Config) *rest.Config {
		config.QPS, config.Burst = clientQPS, clientBurst
		config.WarningHandler = rest.NewWarningWriter(cmd.ErrOrStderr(), rest.WarningWriterOptions{Deduplicate: true})
		return config
	})}
	known := map[string]bool{}
	cmd.Flags().VisitAll(func(f *flag) { known[f.Name] = true })
	c.flags.AddFlags(cmd.Flags())
	cmd.Flags().VisitAll(func(f *flag) { f.Hidden = f.Hidden || !known[f.Name] && !shownFlags[f.Name] })
	completes(cmd, "namespace", c.completeNamespaces)
	completes(cmd, "context", c.completeContexts)
	return c
}

// session is a connection to one API server.
type session struct {
	client.Client                  // writes as saga-cli
	watcher       client.WithWatch // for Watch only
	namespace     string           // --namespace, or the context's
}

func (c *connection) open() (*session, error) {
	config, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, misuse("reading the kubeconfig: %w", err)
	}
	namespace, _, err := c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, misuse("reading the namespace from the kubeconfig: %w", err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme, authenticationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("making a client: %w", err)
		}
	}
	reach, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &session{Client: client.WithFieldOwner(reach, fieldManager), watcher: reach, namespace: namespace}, nil
}

// explain says what to do about what the API server refused.
func explain(err error) error {
	switch {
	case meta.IsNoMatchError(err):
		return fmt.Errorf("the cluster does not have the saga operator's resource definitions: install them, or choose another --context: %w", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w: ask for a role that allows it (docs/permissions.md)", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server does not take the credentials of the kubeconfig: %w", err)
	}
	return err
}

// saga reads one saga of the namespace.
func (s *session) saga(ctx context.Context, name string) (*v1alpha1.Saga, error) {
	saga := &v1alpha1.Saga{}
	err := s.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name}, saga)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no saga %q in namespace %q: kubectl saga get -A shows all", name, s.namespace)
	}
	if err != nil {
		return nil, explain(fmt.Errorf("reading saga %q: %w", name, err))
	}
	return saga, nil
}

// definition returns what a saga runs, or would run if it started now: its own definition, that of its revision, or the newest.
// nil: it is not to be had, which the saga's conditions tell of.
func (s *session) definition(ctx context.Context, saga *v1alpha1.Saga) (*v1alpha1.SagaDefinitionSpec, error) {
	switch {
	case saga.Spec.Definition != nil:
		return saga.Spec.Definition, nil
	case saga.Status.Revision != "":
		return s.revision(ctx, saga.Namespace, saga.Status.Revision)
	case saga.Spec.DefinitionRef == nil:
		return nil, nil
	case saga.Spec.DefinitionRef.Revision != "":
		return s.revision(ctx, saga.Namespace, saga.Spec.DefinitionRef.Revision)
	}
	found := &v1alpha1.SagaDefinition{}
	err := s.Get(ctx, types.NamespacedName{Namespace: saga.Namespace, Name: saga.Spec.DefinitionRef.Name}, found)
	if unavailable(err) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(fmt.Errorf("reading definition %q: %w", saga.Spec.DefinitionRef.Name, err))
	}
	return &found.Spec, nil
}

func (s *session) revision(ctx context.Context, namespace, name string) (*v1alpha1.SagaDefinitionSpec, error) {
	found := &appsv1.ControllerRevision{}
	err := s.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, found)
	if unavailable(err) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(fmt.Errorf("reading revision %q: %w", name, err))
	}
	spec, err := revision.Spec(found)
	if errors.Is(err, revision.ErrUnreadable) {
		return nil, nil
	}
	return &spec, err
}

// participants are those of a namespace; none where they may not be read: what is said is then only less precise.
func (s *session) participants(ctx context.Context, namespace string) ([]v1alpha1.SagaParticipant, error) {
	var found v1alpha1.SagaParticipantList
	if err := s.List(ctx, &found, client.InNamespace(namespace)); err != nil {
		if apierrors.IsForbidden(err) {
			return nil, nil
		}
		return nil, explain(fmt.Errorf("listing participants: %w", err))
	}
	return found.Items, nil
}

// unavailable says whether something is gone, or is not for this user to read.
func unavailable(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) }
