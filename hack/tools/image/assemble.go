package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user that the programs run as: a number, so that Kubernetes can see that it is not root.
const user = "65532:65532"

// source is a directory of programs for one platform.
type source struct {
	platform v1.Platform
	dir      string
}

func parseSource(arg string) (source, error) {
	name, dir, found := strings.Cut(arg, "=")
	platform, err := v1.ParsePlatform(name)
	if !found || err != nil || platform.OS == "" || platform.Architecture == "" {
		return source{}, fmt.Errorf("%q is not of the form linux/amd64=DIRECTORY", arg)
	}
	return source{*platform, dir}, nil
}

// assemble makes an image of nothing but the files of the source, all programs, at its root.
func assemble(s source, o options) (v1.Image, error) {
	files, err := os.ReadDir(s.dir) // sorted by name
	if err != nil {
		return nil, err
	}
	archive, err := layerOf(s.dir, files, o.time())
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("making the layer: %w", err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer,
		History: v1.History{Created: v1.Time{Time: o.time()}, CreatedBy: "hack/tools/image", Comment: "the programs"},
	})
	if err != nil {
		return nil, fmt.Errorf("adding the layer: %w", err)
	}
	return configure(image, s.platform, o)
}

func configure(image v1.Image, platform v1.Platform, o options) (v1.Image, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
	config.Created = v1.Time{Time: o.time()}
	config.Config = v1.Config{User: user, Entrypoint: []string{"/manager"}, WorkingDir: "/", Labels: o.labels()}
	return mutate.ConfigFile(image, config)
}

// labels are those that the Dockerfile sets, which a test compares.
func (o options) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":       "saga-operator",
		prefix + "description": "Runs sagas as Kubernetes resources, over Kafka",
		prefix + "licenses":    "Apache-2.0",
		prefix + "source":      "https://github.com/sagas-dev/saga-operator",
		prefix + "version":     o.version,
		prefix + "revision":    o.commit,
	}
}

// layerOf is a tar archive of the files. Owner, mode and time are the same whoever built them, and whenever.
func layerOf(dir string, files []os.DirEntry, modified time.Time) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading a program: %w", err)
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: file.Name(), Size: int64(len(content)), Mode: 0o755, ModTime: modified, Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("archiving %s: %w", file.Name(), err)
		}
		if _, err := w.Write(content); err != nil {
			return nil, fmt.Errorf("archiving %s: %w", file.Name(), err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("ending the archive: %w", err)
	}
	return archive.Bytes(), nil
}
