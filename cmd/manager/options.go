package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/controllers"
	"github.com/sagas-dev/saga-operator/internal/config"
)

// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=saga-system,resources=leases,verbs=get;create;update

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("registering resources: %w", err)
		}
	}
	return scheme, nil
}

func managerOptions(cfg config.Config, scheme *runtime.Scheme, log logr.Logger) ctrl.Options {
	// The client waits for its own writes. With several namespaces it cannot: then correctness rests on compare-and-swap alone.
	readOwnWrites := len(cfg.Namespaces) <= 1
	graceful := cfg.ShutdownTimeout * 8 / 10 // what is left is for the lease and the producer
	metricsAddress := cfg.MetricsAddress
	if metricsAddress == "" {
		metricsAddress = "0"
	}
	return ctrl.Options{
		Scheme:                        scheme,
		Logger:                        log,
		Cache:                         cacheOptions(cfg.Namespaces),
		Client:                        client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: &readOwnWrites}},
		Metrics:                       metricsserver.Options{BindAddress: metricsAddress},
		HealthProbeBindAddress:        "0", // see probes
		PprofBindAddress:              cfg.PprofAddress,
		GracefulShutdownTimeout:       &graceful,
		LeaderElection:                cfg.LeaderElect,
		LeaderElectionID:              leaseName(cfg),
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &cfg.LeaseDuration,
		RenewDeadline:                 &cfg.RenewDeadline,
		RetryPeriod:                   &cfg.RetryPeriod,
	}
}

// cacheOptions keep the cache small: nobody needs managedFields, of a settled saga little is left, and the revisions of
// other controllers are not ours.
func cacheOptions(namespaces []string) cache.Options {
	options := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.Saga{}:             {Transform: slimSaga},
			&appsv1.ControllerRevision{}: {Label: revisionsOfDefinitions()},
		},
	}
	if len(namespaces) > 0 {
		options.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range namespaces {
			options.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return options
}

func slimSaga(o any) (any, error) {
	if saga, ok := o.(metav1.Object); ok {
		saga.SetManagedFields(nil)
	}
	return controllers.SagaCacheTransform(o)
}

func revisionsOfDefinitions() labels.Selector {
	exists, err := labels.NewRequirement(v1alpha1.LabelDefinition, selection.Exists, nil)
	if err != nil { // cannot be: the label is a constant; without it nothing would be found
		return labels.Nothing()
	}
	return labels.NewSelector().Add(*exists)
}

// warm has the cache read everything before this manager can lead, so that it starts to work with the lease.
func warm(ctx context.Context, c cache.Cache, orders bool) error {
	kinds := []client.Object{&v1alpha1.Saga{}, &v1alpha1.SagaDefinition{}, &v1alpha1.SagaParticipant{}, &v1alpha1.SagaTrigger{}, &appsv1.ControllerRevision{}}
	if orders {
		kinds = append(kinds, &v1alpha1.OrderWorkflow{})
	}
	for _, kind := range kinds {
		if _, err := c.GetInformer(ctx, kind, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("preparing to watch %T: %w", kind, err)
		}
	}
	return nil
}

func leaseName(cfg config.Config) string { return "saga-operator-" + cfg.Installation }

// newLease makes the lock of the leader election. It records no events: who leads is in the lease.
func newLease(cfg config.Config, api *rest.Config) (resourcelock.Interface, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("finding a name for the lease's holder: %w", err)
	}
	namespace, err := leaseNamespace(cfg)
	if err != nil {
		return nil, err
	}
	own := rest.CopyConfig(api)
	own.UserAgent += " leader-election"
	own.Timeout = cfg.RenewDeadline / 2 // one request that hangs must not cost the lease
	own.QPS = -1
	clients, err := kubernetes.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("making a client for the lease: %w", err)
	}
	lease, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, leaseName(cfg),
		clients.CoreV1(), clients.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())})
	if err != nil {
		return nil, fmt.Errorf("making the lease: %w", err)
	}
	return lease, nil
}

// podNamespaceFile names the namespace that a pod runs in.
const podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func leaseNamespace(cfg config.Config) (string, error) {
	if cfg.LeaseNamespace != "" {
		return cfg.LeaseNamespace, nil
	}
	namespace, err := os.ReadFile(podNamespaceFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return metav1.NamespaceDefault, nil
	case err != nil:
		return "", fmt.Errorf("finding the namespace of the lease (--leader-election-namespace): %w", err)
	}
	return strings.TrimSpace(string(namespace)), nil
}
