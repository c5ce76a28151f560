package e2e

import "context"

// Versions of the images: the one that the samples and the chart name, and the one that is upgraded to.
const (
	version     = "0.1.0"
	nextVersion = "0.1.1-e2e"
)

func image(version string) string { return "saga-operator:" + version }

// buildImages builds both images. They differ in nothing but the version that they report.
func (c tools) buildImages(ctx context.Context) error {
	for _, v := range []string{version, nextVersion} {
		if _, err := c.run(ctx, "make", "image", "IMAGE=saga-operator", "VERSION="+v); err != nil {
			return err
		}
	}
	return nil
}
