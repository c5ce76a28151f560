// Package krew holds what krew installs the plugin from.
package krew

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// manifest is what krew reads of it.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string     `json:"version"`
		Homepage         string     `json:"homepage"`
		ShortDescription string     `json:"shortDescription"`
		Description      string     `json:"description"`
		Platforms        []platform `json:"platforms"`
	} `json:"spec"`
}

type platform struct {
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	URI    string `json:"uri"`
	SHA256 string `json:"sha256"`
	Bin    string `json:"bin"`
}

func (p platform) name() string {
	return p.Selector.MatchLabels["os"] + "_" + p.Selector.MatchLabels["arch"]
}

func read(t *testing.T, path string) manifest {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.UnmarshalStrict(raw, &m); err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	return m
}

func TestTheTemplateIsAManifestOfKrew(t *testing.T) {
	m := read(t, "saga.yaml")
	if m.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || m.Kind != "Plugin" || m.Metadata.Name != "saga" || m.Spec.Version != "vVERSION" {
		t.Errorf("it is %+v", m)
	}
	if n := len(m.Spec.ShortDescription); n == 0 || n > 50 || strings.HasSuffix(m.Spec.ShortDescription, ".") {
		t.Errorf("krew wants a short description of at most 50 characters, without a full stop: %q", m.Spec.ShortDescription)
	}
	for _, p := range m.Spec.Platforms {
		if p.SHA256 != "SHA256_"+p.name() || !strings.HasSuffix(p.URI, "/vVERSION/kubectl-saga_"+p.name()+".tar.gz") {
			t.Errorf("platform %s has %q and %q", p.name(), p.SHA256, p.URI)
		}
		if strings.HasSuffix(p.Bin, ".exe") != (p.Selector.MatchLabels["os"] == "windows") {
			t.Errorf("platform %s runs %q", p.name(), p.Bin)
		}
	}
}

// compiler stands in for go build: it writes its arguments to where the program belongs. Building for real takes minutes.
const compiler = `#!/usr/bin/env bash
args=("$@")
while [[ $1 != -o ]]; do shift; done
echo "$GOOS/$GOARCH ${args[*]}" >"$2"
`

func TestArchivesArePackedAndTheirSumsFilledIn(t *testing.T) {
	tools, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(tools, "go"), []byte(compiler), 0o755); err != nil {
		t.Fatal(err)
	}
	pack := exec.CommandContext(t.Context(), "./archives", dir)
	pack.Env = append(os.Environ(), "VERSION=1.2.3", "COMMIT=abc", "PATH="+tools+":"+os.Getenv("PATH"))
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("packing: %v: %s", err, out)
	}
	m := read(t, filepath.Join(dir, "saga.yaml"))
	if m.Spec.Version != "v1.2.3" || len(m.Spec.Platforms) != 5 {
		t.Errorf("the manifest has version %s and %d platforms", m.Spec.Version, len(m.Spec.Platforms))
	}
	for _, p := range m.Spec.Platforms {
		archive := filepath.Join(dir, "kubectl-saga_"+p.name()+".tar.gz")
		raw, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(raw); p.SHA256 != hex.EncodeToString(sum[:]) || !strings.Contains(p.URI, "/v1.2.3/") {
			t.Errorf("platform %s has %q and %q", p.name(), p.SHA256, p.URI)
		}
		built, err := exec.CommandContext(t.Context(), "tar", "-xzOf", archive, "./"+p.Bin).CombinedOutput()
		if want := strings.Replace(p.name(), "_", "/", 1) + " build "; err != nil || !strings.HasPrefix(string(built), want) || !strings.Contains(string(built), "number=1.2.3") {
			t.Errorf("platform %s holds %q: %v", p.name(), built, err)
		}
	}
}
