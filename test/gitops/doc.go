// Package gitops tests what Git tools make of our objects, with those tools' own code: Flux's kstatus and variable
// substitution, Argo CD's health checks, actions and diff, and the types of both for the example repositories.
//
// It is a module of its own, since Argo CD brings other versions of the Kubernetes libraries along. The objects that it reads were
// written by the reconcilers on a real API server: see controllers and test/applied.
package gitops
