// Package manifests reads the project's objects from YAML files, as people keep them: definitions, participants, sagas, orders and
// the cases by which definitions are tested. It refuses what the API server would, and sets the defaults that it would set.
package manifests
