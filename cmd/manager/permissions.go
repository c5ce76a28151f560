package main

import (
	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/config"
)

// permission is what the manager must be allowed to do with one resource.
type permission struct {
	group, resource string // with the subresource, if any
	namespace       string // empty: in all
	verbs           []string
}

// String names the resource as kubectl does.
func (p permission) String() string {
	name := p.resource + "." + p.group
	if p.namespace != "" {
		name += " in namespace " + p.namespace
	}
	return name
}

// grants are the rules of config/rbac/role.yaml; a test compares the two.
var grants = []permission{
	{group: v1alpha1.GroupVersion.Group, resource: "sagas", verbs: []string{"create", "delete", "get", "list", "patch", "update", "watch"}},
	{group: v1alpha1.GroupVersion.Group, resource: "sagas/status", verbs: []string{"update"}},
	{group: v1alpha1.GroupVersion.Group, resource: "sagas/finalizers", verbs: []string{"update"}},
	{group: v1alpha1.GroupVersion.Group, resource: "sagadefinitions", verbs: []string{"get", "list", "watch"}},
	{group: v1alpha1.GroupVersion.Group, resource: "sagadefinitions/status", verbs: []string{"get", "update"}},
	{group: v1alpha1.GroupVersion.Group, resource: "sagaparticipants", verbs: []string{"get", "list", "update", "watch"}},
	{group: v1alpha1.GroupVersion.Group, resource: "sagaparticipants/status", verbs: []string{"get", "update"}},
	{group: v1alpha1.GroupVersion.Group, resource: "sagatriggers", verbs: []string{"get", "list", "watch"}},
	{group: v1alpha1.GroupVersion.Group, resource: "sagatriggers/status", verbs: []string{"get", "update"}},
	{group: "apps", resource: "controllerrevisions", verbs: []string{"create", "delete", "get", "list", "update", "watch"}},
	{group: "events.k8s.io", resource: "events", verbs: []string{"create", "patch"}},
}

// orderGrants are those that only OrderWorkflows need.
var orderGrants = []permission{
	{group: v1alpha1.GroupVersion.Group, resource: "orderworkflows", verbs: []string{"create", "get", "list", "watch"}},
	{group: v1alpha1.GroupVersion.Group, resource: "orderworkflows/status", verbs: []string{"get", "update"}},
	{group: v1alpha1.GroupVersion.Group, resource: "orderworkflows/finalizers", verbs: []string{"update"}},
}

// leaseGrant is the Role in the manager's own namespace.
var leaseGrant = permission{group: "coordination.k8s.io", resource: "leases", verbs: []string{"create", "get", "update"}}

// permissionsOf are those that a manager of this configuration needs.
func permissionsOf(cfg config.Config) ([]permission, error) {
	all := grants
	if cfg.OrderWorkflows {
		all = append(all[:len(all):len(all)], orderGrants...)
	}
	namespaces := cfg.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var needed []permission
	for _, namespace := range namespaces {
		for _, p := range all {
			p.namespace = namespace
			needed = append(needed, p)
		}
	}
	if !cfg.LeaderElect {
		return needed, nil
	}
	lease := leaseGrant
	var err error
	lease.namespace, err = leaseNamespace(cfg)
	return append(needed, lease), err
}
