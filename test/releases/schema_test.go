package releases

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// schemasIn reads the resource definitions of a directory: schemas by kind and version.
func schemasIn(t *testing.T, dir string) map[string]apiextensionsv1.JSONSchemaProps {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no resource definitions in %s: %v", dir, err)
	}
	schemas := map[string]apiextensionsv1.JSONSchemaProps{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(raw, &crd); err != nil {
			t.Fatal(err)
		}
		for _, v := range crd.Spec.Versions {
			if v.Schema != nil && v.Served {
				schemas[crd.Spec.Names.Kind+"."+v.Name] = *v.Schema.OpenAPIV3Schema
			}
		}
	}
	return schemas
}

func TestFieldsAreOnlyAdded(t *testing.T) {
	present := schemasIn(t, filepath.Join("..", "..", "config", "crd", "bases"))
	versions, err := Versions("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range versions {
		for kind, before := range schemasIn(t, filepath.Join("testdata", version, "crds")) {
			now, found := present[kind]
			if !found {
				t.Errorf("%s had %s, which is not served any more", version, kind)
				continue
			}
			for _, broken := range compare(kind, before, now) {
				t.Errorf("since %s: %s", version, broken)
			}
		}
	}
}

// compare returns what an object of before may have and now may not.
func compare(path string, before, now apiextensionsv1.JSONSchemaProps) (broken []string) {
	say := func(format string, args ...any) { broken = append(broken, path+" "+fmt.Sprintf(format, args...)) }
	if before.Type != now.Type {
		say("was of type %q and is of type %q", before.Type, now.Type)
	}
	for _, required := range now.Required {
		if !slices.Contains(before.Required, required) {
			say("requires %s now", required)
		}
	}
	for _, value := range before.Enum {
		if len(now.Enum) > 0 && !slices.ContainsFunc(now.Enum, func(v apiextensionsv1.JSON) bool { return string(v.Raw) == string(value.Raw) }) {
			say("does not take %s any more", value.Raw)
		}
	}
	broken = append(broken, compareBounds(path, before, now)...)
	for name, property := range before.Properties {
		kept, found := now.Properties[name]
		if !found {
			say("has no %s any more", name)
			continue
		}
		broken = append(broken, compare(path+"."+name, property, kept)...)
	}
	for name, property := range now.Properties {
		if _, found := before.Properties[name]; !found && property.Default != nil {
			say("has the new field %s with a default: stored objects would change, and running sagas stop as SpecChanged", name)
		}
	}
	if before.Items != nil && before.Items.Schema != nil && now.Items != nil && now.Items.Schema != nil {
		broken = append(broken, compare(path+"[]", *before.Items.Schema, *now.Items.Schema)...)
	}
	return broken
}

func compareBounds(path string, before, now apiextensionsv1.JSONSchemaProps) (broken []string) {
	for _, bound := range []struct {
		name        string
		before, now *int64
	}{{"maxLength", before.MaxLength, now.MaxLength}, {"maxItems", before.MaxItems, now.MaxItems}, {"maxProperties", before.MaxProperties, now.MaxProperties}} {
		if bound.now != nil && (bound.before == nil || *bound.now < *bound.before) {
			broken = append(broken, fmt.Sprintf("%s has a lower %s: %d", path, bound.name, *bound.now))
		}
	}
	if before.Default != nil && (now.Default == nil || string(before.Default.Raw) != string(now.Default.Raw)) {
		broken = append(broken, path+" has another default, or none: a stored object would mean something else")
	}
	return broken
}

func TestAChangeThatBreaksIsFound(t *testing.T) {
	text := func(s string) *apiextensionsv1.JSON { return &apiextensionsv1.JSON{Raw: []byte(s)} }
	length := func(n int64) *int64 { return &n }
	before := apiextensionsv1.JSONSchemaProps{Type: "object", Required: []string{"a"}, Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"a": {Type: "string", MaxLength: length(10), Enum: []apiextensionsv1.JSON{*text(`"x"`), *text(`"y"`)}, Default: text(`"x"`)},
		"b": {Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{Type: "object",
			Properties: map[string]apiextensionsv1.JSONSchemaProps{"c": {Type: "integer"}}}}},
	}}
	for name, change := range map[string]func(*apiextensionsv1.JSONSchemaProps){
		"a field is gone":        func(s *apiextensionsv1.JSONSchemaProps) { delete(s.Properties, "a") },
		"a deep field is gone":   func(s *apiextensionsv1.JSONSchemaProps) { delete(s.Properties["b"].Items.Schema.Properties, "c") },
		"a field is required":    func(s *apiextensionsv1.JSONSchemaProps) { s.Required = append(s.Required, "b") },
		"a type is another":      with("a", func(s *apiextensionsv1.JSONSchemaProps) { s.Type = "integer" }),
		"a bound is lower":       with("a", func(s *apiextensionsv1.JSONSchemaProps) { s.MaxLength = length(9) }),
		"a bound is new":         with("b", func(s *apiextensionsv1.JSONSchemaProps) { s.MaxItems = length(9) }),
		"a value is gone":        with("a", func(s *apiextensionsv1.JSONSchemaProps) { s.Enum = s.Enum[:1] }),
		"a default is another":   with("a", func(s *apiextensionsv1.JSONSchemaProps) { s.Default = text(`"y"`) }),
		"a default is not there": with("a", func(s *apiextensionsv1.JSONSchemaProps) { s.Default = nil }),
		"a new field has a default": func(s *apiextensionsv1.JSONSchemaProps) {
			s.Properties["d"] = apiextensionsv1.JSONSchemaProps{Type: "string", Default: text(`"new"`)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := before.DeepCopy()
			change(now)
			if broken := compare("x", before, *now); len(broken) != 1 {
				t.Errorf("found %v", broken)
			}
		})
	}
	more := before.DeepCopy()
	more.Properties["d"] = apiextensionsv1.JSONSchemaProps{Type: "string"}
	if broken := compare("x", before, *more); len(broken) != 0 {
		t.Errorf("a new field breaks: %v", broken)
	}
}

func with(field string, change func(*apiextensionsv1.JSONSchemaProps)) func(*apiextensionsv1.JSONSchemaProps) {
	return func(s *apiextensionsv1.JSONSchemaProps) {
		property := s.Properties[field]
		change(&property)
		s.Properties[field] = property
	}
}
