package casetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// Suite is a document of cases, with the objects that it speaks of.
type Suite struct {
	SagaTest
	File  string
	Def   *v1alpha1.SagaDefinition
	Files *manifests.Set
}

// Load reads the cases that stand in sources. A definition is looked for among all of them, then beside the file that names it: also
// where more than one has its name. Its error says all that is wrong, with file and field.
func Load(sources []manifests.Source) ([]Suite, error) {
	set, err := manifests.Read(sources)
	if err != nil {
		return nil, err
	}
	if len(set.Tests) == 0 {
		return nil, fmt.Errorf("none of the files holds a document of kind %s", manifests.KindTest)
	}
	var suites []Suite
	var wrong []error
	for _, d := range set.Tests {
		suite, err := load(d, set)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", d.File, err))
			continue
		}
		suites = append(suites, suite)
	}
	return suites, errors.Join(wrong...)
}

func load(d manifests.Document, set *manifests.Set) (Suite, error) {
	test, err := Decode(d.Raw)
	if err != nil {
		return Suite{}, err
	}
	suite := Suite{SagaTest: test, File: d.File, Files: set}
	suite.Def, err = set.Definition(test.Definition)
	if err != nil && d.File == manifests.Piped {
		return Suite{}, fmt.Errorf("definition: %w", err)
	}
	if err != nil {
		beside, besideErr := readBeside(d.File)
		if besideErr != nil {
			return Suite{}, fmt.Errorf("definition: %w; nor beside it: %w", err, besideErr)
		}
		suite.Files = beside
		if suite.Def, err = beside.Definition(test.Definition); err != nil {
			return Suite{}, fmt.Errorf("definition: %w", err)
		}
	}
	return suite, suite.check()
}

func readBeside(file string) (*manifests.Set, error) {
	files, err := manifests.Beside(file)
	if err != nil {
		return nil, err
	}
	sources, err := manifests.Sources(files, nil)
	if err != nil {
		return nil, err
	}
	return manifests.Read(sources)
}

// Decode reads a document of cases. It judges what the document says by itself, not what it says of other objects.
func Decode(raw []byte) (SagaTest, error) {
	var test SagaTest
	var document map[string]any
	if err := json.Unmarshal(raw, &document); err != nil {
		return test, fmt.Errorf("reading the document: %w", err)
	}
	spellOut(document)
	var s shape
	if s.judge("", document, reflect.TypeFor[SagaTest]()); len(s.wrong) > 0 {
		return test, errors.Join(s.wrong...)
	}
	whole, err := json.Marshal(document)
	if err != nil {
		return test, fmt.Errorf("reading the document: %w", err)
	}
	return test, manifests.Decode(whole, &test)
}

// spellOut turns each text in cases[].expect.commands into the message that it stands for.
func spellOut(document map[string]any) {
	cases, _ := document["cases"].([]any) // what is of another kind is refused afterwards
	for _, c := range cases {
		fields, _ := c.(map[string]any)
		expect, _ := fields["expect"].(map[string]any)
		commands, _ := expect["commands"].([]any)
		for i, command := range commands {
			if kind, ok := command.(string); ok {
				commands[i] = map[string]any{"type": kind}
			}
		}
	}
}
