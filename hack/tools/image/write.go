package main

import (
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// write brings the images to wherever they were asked for, and prints the digest of what was written.
func (o options) write(images map[string]v1.Image, out io.Writer) error {
	index := o.index(images)
	if o.layout != "" || o.push != "" {
		digest, err := index.Digest()
		if err != nil {
			return fmt.Errorf("computing the digest: %w", err)
		}
		fmt.Fprintf(out, "index %s\n", digest)
	}
	if o.layout != "" {
		if err := o.writeLayout(index); err != nil {
			return fmt.Errorf("writing %s: %w", o.layout, err)
		}
	}
	if o.archive != "" {
		if err := o.writeArchive(images[o.sources[0].platform.String()]); err != nil {
			return fmt.Errorf("writing %s: %w", o.archive, err)
		}
	}
	if o.push != "" {
		if err := o.pushIndex(index); err != nil {
			return fmt.Errorf("pushing %s: %w", o.push, err)
		}
	}
	return nil
}

// index lists the images in the order in which their sources were named.
func (o options) index(images map[string]v1.Image) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, s := range o.sources {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: images[s.platform.String()], Descriptor: v1.Descriptor{Platform: &s.platform},
		})
	}
	return index
}

// writeLayout writes a layout whose one entry is the index, under the version as its name.
func (o options) writeLayout(index v1.ImageIndex) error {
	if err := os.RemoveAll(o.layout); err != nil {
		return err
	}
	path, err := layout.Write(o.layout, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": o.version}))
}

func (o options) writeArchive(image v1.Image) error {
	tag, err := name.NewTag(o.name + ":" + o.version)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(o.archive, tag, image)
}

func (o options) pushIndex(index v1.ImageIndex) error {
	var settings []name.Option
	if o.plainHTTP {
		settings = append(settings, name.Insecure)
	}
	ref, err := name.ParseReference(o.push, settings...)
	if err != nil {
		return err
	}
	return remote.WriteIndex(ref, index, remote.WithAuthFromKeychain(authn.DefaultKeychain))
}
