package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// programs makes a directory of two programs, of that mode and age.
func programs(t *testing.T, mode os.FileMode, age time.Duration) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{"manager", "broker"} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte("the program "+file), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(append([]string{"--version", "1.2.3", "--commit", "abc", "--created", "1700000000"}, args...), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheSameProgramsGiveTheSameImage(t *testing.T) {
	first := mustRun(t, "--layout", filepath.Join(t.TempDir(), "a"), "linux/amd64="+programs(t, 0o755, 0))
	second := mustRun(t, "--layout", filepath.Join(t.TempDir(), "b"), "linux/amd64="+programs(t, 0o600, time.Hour))
	if first != second || !regexp.MustCompile(`(?m)^index sha256:[0-9a-f]{64}$`).MatchString(first) {
		t.Errorf("%s\n%s", first, second)
	}
	other := programs(t, 0o755, 0)
	if err := os.WriteFile(filepath.Join(other, "manager"), []byte("another program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if third := mustRun(t, "--layout", filepath.Join(t.TempDir(), "c"), "linux/amd64="+other); third == first {
		t.Errorf("another program gives the same image: %s", third)
	}
}

func TestALayoutHasEveryPlatformUnderOneIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "oci")
	for range 2 { // it replaces what is there
		mustRun(t, "--layout", dir, "linux/amd64="+programs(t, 0o755, 0), "linux/arm64="+programs(t, 0o755, 0))
	}
	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	root, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := root.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.2.3" {
		t.Fatalf("%+v, error %v", manifest, err)
	}
	index, err := root.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	checkIndex(t, index)
}

func checkIndex(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, image, m.Platform.Architecture)
	}
	if got := strings.Join(platforms, " "); got != "linux/amd64 linux/arm64" {
		t.Errorf("platforms %q", got)
	}
}

func checkImage(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Architecture != arch || config.Config.User != "65532:65532" ||
		strings.Join(config.Config.Entrypoint, " ") != "/manager" || config.Created.Unix() != 1700000000 ||
		config.Config.Labels["org.opencontainers.image.version"] != "1.2.3" {
		t.Errorf("configuration %+v", config)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, error %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, fmt.Sprintf("%s %o %d:%d", header.Name, header.Mode, header.Uid, header.Gid))
	}
	if got := strings.Join(files, ", "); got != "broker 755 0:0, manager 755 0:0" {
		t.Errorf("files %s", got)
	}
}

func TestAPushedImageIsTheOneOfTheLayout(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	pushed := strings.TrimPrefix(server.URL, "http://") + "/saga-operator:1.2.3"
	out := mustRun(t, "--push", pushed, "--plain-http", "linux/amd64="+programs(t, 0o755, 0), "linux/arm64="+programs(t, 0o755, 0))
	ref, err := name.ParseReference(pushed, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil || !strings.Contains(out, "index "+digest.String()) {
		t.Errorf("pushed %s, said %s, error %v", digest, out, err)
	}
	checkIndex(t, index)
}

func TestAnArchiveCanBeLoaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "image.tar")
	out := mustRun(t, "--name", "registry.example/saga-operator", "--archive", file, "linux/arm64="+programs(t, 0o755, 0))
	tag, err := name.NewTag("registry.example/saga-operator:1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(file, &tag)
	if err != nil {
		t.Fatal(err)
	}
	id, err := image.ConfigName()
	if err != nil || !strings.Contains(out, "linux/arm64 "+id.String()) {
		t.Errorf("id %s, said %q, error %v", id, out, err)
	}
	checkImage(t, image, "arm64")
}

// TestTheDockerfileSetsTheSameLabels holds the two ways to the image together.
func TestTheDockerfileSetsTheSameLabels(t *testing.T) {
	dockerfile, err := os.ReadFile(filepath.Join("..", "..", "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	stages := strings.Count(string(dockerfile), "FROM scratch")
	for label, value := range (options{version: "$VERSION", commit: "$COMMIT"}).labels() {
		if got := strings.Count(string(dockerfile), label+`="`+value+`"`); got != stages || stages != 2 {
			t.Errorf("%s=%q is set in %d of %d stages", label, value, got, stages)
		}
	}
	for _, line := range []string{"USER " + user, `ENTRYPOINT ["/manager"]`} {
		if got := strings.Count(string(dockerfile), line); got != stages {
			t.Errorf("%s is in %d of %d stages", line, got, stages)
		}
	}
}

func TestTheDockerfileCompilesWithTheVersionOfGoThatGoModNames(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	dockerfile, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)
	if version == nil || !strings.Contains(string(dockerfile), fmt.Sprintf(" golang:%s AS build\n", version[1])) {
		t.Errorf("go.mod says %q; the Dockerfile compiles with another", version)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	for want, args := range map[string][]string{
		"--version is required":     {"linux/amd64=."},
		"name what to put in":       {"--version", "1"},
		"--archive takes a single":  {"--version", "1", "--archive", "x", "linux/amd64=.", "linux/arm64=."},
		"is not of the form":        {"--version", "1", "amd64"},
		"no such file or directory": {"--version", "1", "linux/amd64=/does/not/exist"},
	} {
		if err := run(args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", args, err, want)
		}
	}
}
