package main

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	restconfig "sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/version"
)

// cluster is the API server, with errors that say what to look at.
type cluster struct{ client client.Client }

func connect(o options) (*cluster, error) {
	api, err := apiConfig(o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("finding the API server (--kubeconfig): %w", err)
	}
	api.UserAgent = "saga-selftest/" + version.Number()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("registering resources: %w", err)
	}
	c, err := client.New(api, client.Options{Scheme: scheme})
	if err != nil {
		return nil, explain(fmt.Errorf("preparing to ask the API server: %w", err))
	}
	return &cluster{c}, nil
}

func apiConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		return clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	return restconfig.GetConfig()
}

// check asks for the resources, and looks whether the namespace can be used.
func (c *cluster) check(ctx context.Context, namespace string) error {
	for _, list := range []client.ObjectList{&v1alpha1.SagaList{}, &v1alpha1.SagaParticipantList{}} {
		if err := c.client.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
			return explain(fmt.Errorf("asking for %T in namespace %s: %w", list, namespace, err))
		}
	}
	return nil
}

func (c *cluster) create(ctx context.Context, o client.Object) error {
	if err := c.client.Create(ctx, o); err != nil {
		return explain(fmt.Errorf("making %s: %w", o.GetName(), err))
	}
	return nil
}

func (c *cluster) get(ctx context.Context, key client.ObjectKey, into client.Object) error {
	if err := c.client.Get(ctx, key, into); err != nil {
		return explain(fmt.Errorf("looking at %s: %w", key.Name, err))
	}
	return nil
}

// ours lists what this run, or an earlier one, has made in the namespace.
func (c *cluster) ours(ctx context.Context, namespace string) (ofSagas, ofParticipants []client.Object, err error) {
	in, made := client.InNamespace(namespace), client.MatchingLabels{label: labelValue}
	var sagas v1alpha1.SagaList
	if err := c.client.List(ctx, &sagas, in, made); err != nil {
		return nil, nil, explain(fmt.Errorf("looking for sagas of this test: %w", err))
	}
	var participants v1alpha1.SagaParticipantList
	if err := c.client.List(ctx, &participants, in, made); err != nil {
		return nil, nil, explain(fmt.Errorf("looking for participants of this test: %w", err))
	}
	for i := range sagas.Items {
		ofSagas = append(ofSagas, &sagas.Items[i])
	}
	for i := range participants.Items {
		ofParticipants = append(ofParticipants, &participants.Items[i])
	}
	return ofSagas, ofParticipants, nil
}

// remove deletes what is not being deleted yet.
func (c *cluster) remove(ctx context.Context, all []client.Object) error {
	for _, o := range all {
		if !o.GetDeletionTimestamp().IsZero() {
			continue
		}
		if err := c.client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			return explain(fmt.Errorf("deleting %s: %w", o.GetName(), err))
		}
	}
	return nil
}

// explain adds what to look at to an error of the API server.
func explain(err error) error {
	switch {
	case meta.IsNoMatchError(err):
		return &trouble{err, "whether the resource definitions are installed: kubectl get crd sagas.sagas.dev sagaparticipants.sagas.dev"}
	case apierrors.IsForbidden(err):
		return &trouble{err, "the permissions of this user or service account: sagas and sagaparticipants of the namespace, with get, list, create, delete, and abort on sagas"}
	case apierrors.IsNotFound(err):
		return &trouble{err, "whether the namespace exists, and whether somebody deletes what this test makes"}
	case apierrors.IsAlreadyExists(err):
		return &trouble{err, "who made it: this test only touches what has the label " + label + "=" + labelValue}
	}
	return err
}
