// Package crd holds the resource definitions, as they are installed.
package crd

import "embed"

// Bases are the generated CustomResourceDefinitions, one file each, below bases.
//
//go:embed bases/*.yaml
var Bases embed.FS
