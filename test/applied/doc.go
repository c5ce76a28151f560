// Package applied tests that what a Git tool applies stays as it was applied: a second apply, a dry run and a whole run of the
// sagas change nothing of it, and the manager writes nothing into a spec. It has the samples and the example repositories for
// an example, real processes for an operator, and leaves live objects behind that test/gitops compares with Argo CD's diff.
package applied
