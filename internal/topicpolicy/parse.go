package topicpolicy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// ErrInvalid says that a topic policy is wrong. The message names field and bound of each fault.
var ErrInvalid = errors.New("invalid topic policy")

// Bounds of a topic policy.
const (
	maxBytes   = 1 << 20 // what a ConfigMap holds
	maxEntries = 1000    // of each list
	maxTopic   = 249     // Kafka's own
)

var (
	namespaceEntry = regexp.MustCompile(`^(\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?|[a-z0-9][-a-z0-9]{0,61}\*)$`)
	topicPrefix    = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
)

// Parse reads a policy from YAML: rules, a list of {namespaces: [...], topicPrefixes: [...]}. Nothing else may be in it. No rules
// at all permit nothing.
//
// Errors: ErrInvalid.
func Parse(raw []byte) (Policy, error) {
	if len(raw) > maxBytes {
		return Policy{}, fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrInvalid, len(raw), maxBytes)
	}
	var file struct {
		Rules *[]Rule `json:"rules"`
	}
	if err := yaml.UnmarshalStrict(raw, &file); err != nil {
		return Policy{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if file.Rules == nil {
		return Policy{}, fmt.Errorf("%w: rules: is required; [] permits no topic at all", ErrInvalid)
	}
	if err := check(*file.Rules); err != nil {
		return Policy{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return Policy{rules: *file.Rules}, nil
}

func check(rules []Rule) error {
	if len(rules) > maxEntries {
		return fmt.Errorf("rules: has %d entries, at most %d are read", len(rules), maxEntries)
	}
	var errs []error
	for i, r := range rules {
		errs = append(errs,
			checkList(fmt.Sprintf("rules[%d].namespaces", i), r.Namespaces, checkNamespace),
			checkList(fmt.Sprintf("rules[%d].topicPrefixes", i), r.TopicPrefixes, checkPrefix))
	}
	return errors.Join(errs...)
}

func checkList(field string, entries []string, check func(string) error) error {
	if len(entries) < 1 || len(entries) > maxEntries {
		return fmt.Errorf("%s: has %d entries, from 1 to %d are needed", field, len(entries), maxEntries)
	}
	var errs []error
	for i, entry := range entries {
		if err := check(entry); err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: %w", field, i, err))
		}
	}
	return errors.Join(errs...)
}

func checkNamespace(entry string) error {
	if !namespaceEntry.MatchString(entry) {
		return fmt.Errorf("must be the name of a namespace (lower case letters, digits and dashes, at most 63), its beginning and *, or * alone, is %q", entry)
	}
	return nil
}

func checkPrefix(entry string) error {
	switch {
	case strings.HasSuffix(entry, "*"):
		return fmt.Errorf("is a beginning anyway and takes no *, is %q", entry)
	case len(entry) > maxTopic || !topicPrefix.MatchString(entry):
		return fmt.Errorf("must have from 1 to %d letters, digits, dots, underscores or dashes, is %q", maxTopic, entry)
	}
	return nil
}
