package lint

import (
	"regexp"
	"strconv"

	yamlnode "go.yaml.in/yaml/v3"
)

// segment is one part of a field's path: a name, [0], or ["a key"].
var segment = regexp.MustCompile(`\[(\d+)\]|\["?([^\]"]*)"?\]|([^.\[\]]+)`)

// line is where a field stands in the file; where it does not stand there, the nearest that holds it.
func (o *object) line(field string) int {
	node, at := o.node, o.first
	if node != nil && node.Line > 0 {
		at = o.first + node.Line - 1
	}
	for _, match := range segment.FindAllStringSubmatch(field, -1) {
		next := child(node, match[1]+match[2]+match[3])
		if next == nil {
			break
		}
		at, node = o.first+keyLine(node, next)-1, next
	}
	return at
}

// child is the member or item of a node, or nil.
func child(node *yamlnode.Node, name string) *yamlnode.Node {
	switch {
	case node == nil:
	case node.Kind == yamlnode.AliasNode:
		return child(node.Alias, name)
	case node.Kind == yamlnode.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				return node.Content[i+1]
			}
		}
	case node.Kind == yamlnode.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i < len(node.Content) {
			return node.Content[i]
		}
	}
	return nil
}

// keyLine is where a member's key stands, or an item itself.
func keyLine(parent, member *yamlnode.Node) int {
	if parent.Kind == yamlnode.AliasNode {
		parent = parent.Alias
	}
	if parent.Kind == yamlnode.MappingNode {
		for i := 0; i+1 < len(parent.Content); i += 2 {
			if parent.Content[i+1] == member {
				return parent.Content[i].Line
			}
		}
	}
	return member.Line
}
