package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/config"
)

// kubernetesEvery is how often definitions and permissions are looked at while all is well. A watch that breaks asks sooner.
const kubernetesEvery = 5 * time.Minute

// kubernetesTimeout is for one request; the API server may be slow to say that it cannot.
const kubernetesTimeout = 10 * time.Second

// cluster asks the API server whether this manager can work with it.
type cluster struct {
	api         kubernetes.Interface
	cfg         config.Config
	permissions []permission
}

func newCluster(cfg config.Config, api *rest.Config) (*cluster, error) {
	own := rest.CopyConfig(api)
	own.Timeout, own.QPS = kubernetesTimeout, -1
	clients, err := kubernetes.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	permissions, err := permissionsOf(cfg)
	if err != nil {
		return nil, err
	}
	return &cluster{api: clients, cfg: cfg, permissions: permissions}, nil
}

// check says what is missing: the API server, resource definitions, permissions, in this order.
func (c *cluster) check(ctx context.Context) error {
	missing, err := c.missing()
	if err != nil {
		return reasonOf(err)
	}
	switch len(missing) {
	case 0:
	case 1:
		return fmt.Errorf("the CRD %s is not installed", missing[0])
	default:
		return fmt.Errorf("the CRDs %s are not installed", strings.Join(missing, ", "))
	}
	forbidden, err := c.forbidden(ctx)
	if err != nil {
		return reasonOf(err)
	}
	if len(forbidden) > 0 {
		return errors.New(strings.Join(shortened(forbidden, 4), "; "))
	}
	return nil
}

// missing are the names of resource definitions that the API server does not serve.
func (c *cluster) missing() ([]string, error) {
	served := map[string]bool{}
	list, err := c.api.Discovery().ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	if err == nil {
		for _, resource := range list.APIResources {
			served[resource.Name] = true
		}
	}
	needed := []string{"sagas", "sagadefinitions", "sagaparticipants", "sagatriggers"}
	if c.cfg.OrderWorkflows {
		needed = append(needed, "orderworkflows")
	}
	var missing []string
	for _, name := range needed {
		if !served[name] {
			missing = append(missing, name+"."+v1alpha1.GroupVersion.Group)
		}
	}
	return missing, nil
}

// forbidden has one sentence for each resource of which something is forbidden.
func (c *cluster) forbidden(ctx context.Context) ([]string, error) {
	var sentences []string
	for _, p := range c.permissions {
		var verbs []string
		for _, verb := range p.verbs {
			allowed, err := c.allowed(ctx, p, verb)
			if err != nil {
				return nil, err
			}
			if !allowed {
				verbs = append(verbs, verb)
			}
		}
		if len(verbs) > 0 {
			sentences = append(sentences, fmt.Sprintf("cannot %s %s: forbidden", strings.Join(verbs, ", "), p))
		}
	}
	return sentences, nil
}

func (c *cluster) allowed(ctx context.Context, p permission, verb string) (bool, error) {
	resource, subresource, _ := strings.Cut(p.resource, "/")
	review, err := c.api.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: p.group, Resource: resource, Subresource: subresource, Verb: verb, Namespace: p.namespace,
		}},
	}, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) { // whoever may not even ask is judged when it acts
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

func shortened(sentences []string, most int) []string {
	if more := len(sentences) - most; more > 0 {
		return append(slices.Clone(sentences[:most]), fmt.Sprintf("and %d more", more))
	}
	return sentences
}

// reasonOf says in stable words why the API server cannot be asked.
func reasonOf(err error) error {
	var (
		request     *url.Error
		number      syscall.Errno
		timeout     net.Error
		certificate *tls.CertificateVerificationError
	)
	switch {
	case apierrors.IsUnauthorized(err):
		return errors.New("the API server does not take the manager's credentials: unauthorized")
	case errors.As(err, &certificate):
		return fmt.Errorf("the API server's certificate is not trusted: %w", certificate.Err)
	case errors.As(err, &number):
		return fmt.Errorf("the API server does not answer: %w", number)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("the API server does not answer in time")
	case errors.As(err, &request):
		return fmt.Errorf("the API server does not answer: %w", request.Err)
	}
	return fmt.Errorf("the API server does not answer: %w", err)
}
