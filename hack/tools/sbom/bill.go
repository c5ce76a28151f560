package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bill lists the programs, with their digests, and the modules in them. What is in which program is in its dependencies.
func (o options) bill() (*cdx.BOM, error) {
	bill := cdx.NewBOM()
	whole := cdx.Component{BOMRef: o.name, Type: cdx.ComponentTypeApplication, Name: o.name, Version: o.version}
	bill.Metadata = &cdx.Metadata{Timestamp: o.time(), Component: &whole}
	modules := map[string]cdx.Component{}
	var programs []string
	var components []cdx.Component
	var dependencies []cdx.Dependency
	for _, path := range o.programs {
		program, used, err := o.program(path)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, m := range used {
			modules[m.BOMRef] = m
			names = append(names, m.BOMRef)
		}
		programs = append(programs, program.BOMRef)
		components = append(components, program)
		dependencies = append(dependencies, cdx.Dependency{Ref: program.BOMRef, Dependencies: &names})
	}
	for _, m := range modules {
		components = append(components, m)
	}
	slices.SortFunc(components, func(a, b cdx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) })
	dependencies = append(dependencies, cdx.Dependency{Ref: whole.BOMRef, Dependencies: &programs})
	slices.SortFunc(dependencies, func(a, b cdx.Dependency) int { return cmp.Compare(a.Ref, b.Ref) })
	bill.Components, bill.Dependencies = &components, &dependencies
	return bill, nil
}

// program reads one file.
func (o options) program(path string) (cdx.Component, []cdx.Component, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return cdx.Component{}, nil, fmt.Errorf("reading a program: %w", err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return cdx.Component{}, nil, fmt.Errorf("reading what %s is made of: %w", path, err)
	}
	sum := sha256.Sum256(content)
	name := filepath.Base(path)
	program := cdx.Component{
		BOMRef: o.name + "/" + name, Type: cdx.ComponentTypeApplication, Name: name, Version: o.version,
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Properties: &[]cdx.Property{{Name: "go:path", Value: info.Path}},
	}
	used := []cdx.Component{standardLibrary(info.GoVersion)}
	for _, dep := range info.Deps {
		used = append(used, module(dep))
	}
	return program, used, nil
}

// standardLibrary is Go's own: vulnerabilities are reported for it as well.
func standardLibrary(goVersion string) cdx.Component {
	return library("std", strings.TrimPrefix(goVersion, "go"))
}

// module is one of the build list, or what replaces it.
func module(m *debug.Module) cdx.Component {
	if m.Replace != nil {
		m = m.Replace
	}
	c := library(m.Path, m.Version)
	if m.Sum != "" {
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.Sum}}
	}
	return c
}

func library(path, version string) cdx.Component {
	url := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return cdx.Component{BOMRef: url, PackageURL: url, Type: cdx.ComponentTypeLibrary, Name: path, Version: version}
}

func encode(bill *cdx.BOM, out io.Writer) error {
	encoder := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bill, cdx.SpecVersion1_6); err != nil { // what most readers know
		return fmt.Errorf("writing the bill: %w", err)
	}
	return nil
}
