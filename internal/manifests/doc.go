// Package manifests reads the project's objects from YAML files, as people keep them: definitions, participants, sagas, orders and
// the cases by which definitions are tested. It reads strictly: a field that does not exist is an error that names its path.
package manifests
