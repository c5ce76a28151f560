// Package policies tests who may do what: config/rbac and config/policies on a real API server, with its controller manager,
// as the users, the operator and the controllers that the roles and policies speak of.
package policies
