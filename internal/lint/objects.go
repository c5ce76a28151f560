package lint

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// Object is one object of a file.
type Object struct {
	Kind            schema.GroupVersionKind
	Namespace, Name string
	JSON            []byte
}

// Objects returns the objects that sources hold, of whatever kind. Its error says which document cannot be read, and why.
func Objects(sources []manifests.Source) ([]Object, error) {
	var all []Object
	for _, source := range sources {
		for _, doc := range split(source) {
			objects, finding := doc.objects()
			if finding != nil {
				return nil, fmt.Errorf("%s", finding)
			}
			for _, o := range objects {
				all = append(all, Object{Kind: o.kind(), Namespace: o.meta.Metadata.Namespace, Name: o.meta.Metadata.Name, JSON: o.raw})
			}
		}
	}
	return all, nil
}
