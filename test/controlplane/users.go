package controlplane

import (
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// User is an identity that the API server knows by its client certificate. What it may do is up to RBAC.
type User struct {
	// Kubeconfig is the path of a kubeconfig file for this user.
	Kubeconfig string

	config *rest.Config
}

// Config returns the user's client configuration, a new copy each time, without a limit on requests.
func (u *User) Config() *rest.Config { return rest.CopyConfig(u.config) }

// AddUser makes a user of this name and these groups, with a kubeconfig file <name>.kubeconfig in Dir. The group
// system:masters may do everything; any other name needs a RoleBinding or ClusterRoleBinding.
func (c *ControlPlane) AddUser(name string, groups ...string) (*User, error) {
	client, err := c.authority.issueClient(name, groups)
	if err != nil {
		return nil, err
	}
	user := &User{
		Kubeconfig: filepath.Join(c.options.Dir, strings.NewReplacer(":", "-", "/", "-").Replace(name)+".kubeconfig"),
		config: &rest.Config{
			Host: c.apiURL,
			QPS:  -1,
			TLSClientConfig: rest.TLSClientConfig{
				CAData: c.authority.certPEM, CertData: client.certPEM, KeyData: client.keyPEM,
			},
		},
	}
	if err := clientcmd.WriteToFile(kubeconfigOf(user.config), user.Kubeconfig); err != nil {
		return nil, fmt.Errorf("writing the kubeconfig of %s: %w", name, err)
	}
	return user, nil
}

func kubeconfigOf(config *rest.Config) clientcmdapi.Config {
	const name = "saga-operator"
	return clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{name: {
			Server: config.Host, CertificateAuthorityData: config.CAData,
		}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{name: {
			ClientCertificateData: config.CertData, ClientKeyData: config.KeyData,
		}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	}
}
