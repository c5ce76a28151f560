package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// permissions writes the manager's rules as named templates, which the chart binds for the cluster or for each namespace,
// and the roles that people get.
func (t tree) permissions() error {
	roles, err := readObjects(filepath.Join(t.config, "rbac", "role.yaml"))
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString(header)
	for _, role := range roles {
		name := map[any]string{"ClusterRole": "managerRules", "Role": "leaseRules"}[role["kind"]]
		if name == "" {
			return fmt.Errorf("role.yaml holds a %v", role["kind"])
		}
		rules, err := rulesTemplate(role["rules"])
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "{{- define \"saga-operator.%s\" -}}\n%s{{- end }}\n", name, rules)
	}
	if err := t.write("templates/_rules.tpl", text.String()); err != nil {
		return err
	}
	return t.aggregated()
}

// rulesTemplate writes rules so that those about orders are there only where orders are run.
func rulesTemplate(value any) (string, error) {
	rules, ok := value.([]any)
	if !ok {
		return "", fmt.Errorf("rules are %T", value)
	}
	var text strings.Builder
	for _, value := range rules {
		rule, ok := value.(object)
		if !ok {
			return "", fmt.Errorf("a rule is %T", value)
		}
		others, orders := split(rule)
		for _, part := range []struct {
			rule  object
			order bool
		}{{others, false}, {orders, true}} {
			if part.rule == nil {
				continue
			}
			yaml, err := templated([]any{part.rule})
			if err != nil {
				return "", err
			}
			if part.order {
				yaml = "{{- if .Values.orderWorkflows.enabled }}\n" + yaml + "{{- end }}\n"
			}
			text.WriteString(yaml)
		}
	}
	return text.String(), nil
}

// split divides a rule into what is not about orders and what is; nil where there is nothing.
func split(rule object) (others, orders object) {
	resources, _ := rule["resources"].([]any)
	var with, without []any
	for _, resource := range resources {
		if name, _ := resource.(string); strings.HasPrefix(name, "orderworkflows") {
			with = append(with, resource)
		} else {
			without = append(without, resource)
		}
	}
	return restricted(rule, without), restricted(rule, with)
}

func restricted(rule object, resources []any) object {
	if len(resources) == 0 {
		return nil
	}
	part := object{}
	for key, value := range rule {
		part[key] = value
	}
	part["resources"] = resources
	return part
}

// aggregated writes the roles that aggregate into the cluster's view, edit and admin.
func (t tree) aggregated() error {
	sources, err := t.files("rbac/aggregated_*.yaml")
	if err != nil {
		return err
	}
	var documents []string
	for _, source := range sources {
		roles, err := readObjects(source)
		if err != nil {
			return err
		}
		for _, role := range roles {
			if role["kind"] != "ClusterRole" {
				return fmt.Errorf("%s holds a %v", source, role["kind"])
			}
			document, err := roleTemplate(role)
			if err != nil {
				return fmt.Errorf("%s: %w", source, err)
			}
			documents = append(documents, document)
		}
	}
	return t.write("templates/rbac-aggregated.yaml", gated(".Values.rbac.aggregate", documents))
}

func roleTemplate(role object) (string, error) {
	rules, err := rulesTemplate(role["rules"])
	if err != nil {
		return "", err
	}
	delete(role, "rules")
	if role, err = renamed(role); err != nil {
		return "", err
	}
	head, err := templated(role)
	if err != nil {
		return "", err
	}
	return head + "rules:\n" + rules, nil
}

// gated joins documents into one template that is there on a condition.
func gated(condition string, documents []string) string {
	if len(documents) == 0 {
		return header
	}
	return header + "{{- if " + condition + " }}\n" + strings.Join(documents, "---\n") + "{{- end }}\n"
}
