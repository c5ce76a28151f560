package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

const pollInterval = 50 * time.Millisecond

// waitReady polls a component's health until it is good, the process ends, or time is up.
func (c *ControlPlane) waitReady(ctx context.Context, component Component) error {
	url := map[Component]string{
		Etcd: c.etcdURL + "/health", APIServer: c.apiURL + "/readyz", ControllerManager: c.managerAt + "/healthz",
	}[component]
	p := c.running(component)
	if p == nil {
		return fmt.Errorf("%s was stopped", component)
	}
	client := c.healthClient()
	defer client.CloseIdleConnections()
	err := wait.PollUntilContextTimeout(ctx, pollInterval, startTimeout, true, func(ctx context.Context) (bool, error) {
		if err := p.exited(); err != nil {
			return false, err
		}
		return healthy(ctx, client, url), nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w; the end of its log:\n%s", component, err, p.tail())
	}
	return nil
}

func healthy(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

func (c *ControlPlane) waitForNamespace(ctx context.Context, name string) error {
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	err = wait.PollUntilContextTimeout(ctx, pollInterval, startTimeout, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("waiting for namespace %s: %w", name, err)
	}
	return nil
}

// healthClient asks for a component's health. It trusts any certificate: the controller manager signs its own.
func (c *ControlPlane) healthClient() *http.Client {
	return &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
}
