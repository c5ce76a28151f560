// Package revision keeps what a definition said at one time as an immutable apps/v1 ControllerRevision, which sagas are
// pinned to.
package revision

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// ErrUnreadable says that a ControllerRevision holds no definition.
var ErrUnreadable = errors.New("the revision holds no definition")

// hashLength is how many characters of the name tell revisions apart.
const hashLength = 10

// Name returns the name of the revision of a definition: <definition>-<hash>, where the hash covers the definition's name
// and its canonical spec. collisions is 0; where another object has that name already, 1, 2 and so on give others.
func Name(definition string, spec v1alpha1.SagaDefinitionSpec, collisions int) (string, error) {
	data, err := canonical(spec)
	if err != nil {
		return "", err
	}
	return nameOf(definition, data, collisions), nil
}

// New returns the revision of a definition as it is now, to be created. Its name follows from Name, its number is number.
//
// The definition is its controller, so that it is deleted with the definition; the finalizer keeps it then for as long as
// unfinished sagas need it.
func New(def *v1alpha1.SagaDefinition, number int64, collisions int) (*appsv1.ControllerRevision, error) {
	data, err := canonical(def.Spec)
	if err != nil {
		return nil, err
	}
	isController := true
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:  def.Namespace,
			Name:       nameOf(def.Name, data, collisions),
			Labels:     map[string]string{v1alpha1.LabelDefinition: Label(def.Name)},
			Finalizers: []string{v1alpha1.FinalizerInUse},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "SagaDefinition",
				Name: def.Name, UID: def.UID, Controller: &isController,
			}},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: number,
	}, nil
}

// Spec returns the definition that a revision holds.
//
// Errors: ErrUnreadable.
func Spec(rev *appsv1.ControllerRevision) (v1alpha1.SagaDefinitionSpec, error) {
	var spec v1alpha1.SagaDefinitionSpec
	if err := json.Unmarshal(rev.Data.Raw, &spec); err != nil {
		return spec, fmt.Errorf("%w: %s: %w", ErrUnreadable, rev.Name, err)
	}
	if len(spec.Steps) == 0 {
		return spec, fmt.Errorf("%w: %s: it has no steps", ErrUnreadable, rev.Name)
	}
	return spec, nil
}

// Of returns the name of the definition that a revision belongs to, or "" where it belongs to none.
func Of(rev *appsv1.ControllerRevision) string {
	owner := metav1.GetControllerOf(rev)
	if owner == nil || owner.Kind != "SagaDefinition" || !strings.HasPrefix(owner.APIVersion, v1alpha1.GroupVersion.Group+"/") {
		return ""
	}
	return owner.Name
}

// Same says whether a revision holds this spec. A revision that cannot be read holds none.
func Same(rev *appsv1.ControllerRevision, spec v1alpha1.SagaDefinitionSpec) bool {
	want, err := canonical(spec)
	if err != nil {
		return false
	}
	have, err := program.Canonical(rev.Data.Raw)
	return err == nil && string(have) == string(want)
}

// Label returns the value of LabelDefinition for a definition: its name, or where that is too long for a label, its
// beginning and a hash.
func Label(definition string) string {
	if len(definition) <= validation.LabelValueMaxLength {
		return definition
	}
	return cut(definition, validation.LabelValueMaxLength-hashLength-1) + "-" + hash([]byte(definition))
}

func nameOf(definition string, data []byte, collisions int) string {
	suffix := "-" + hash([]byte(definition), data, binary.AppendVarint(nil, int64(collisions)))
	return cut(definition, validation.DNS1123SubdomainMaxLength-len(suffix)) + suffix
}

// cut shortens a name so that something may follow it.
func cut(name string, length int) string {
	if len(name) <= length {
		return name
	}
	return strings.TrimRight(name[:length], "-.")
}

// hash draws hashLength safe characters from parts, each of which goes in with its length.
func hash(parts ...[]byte) string {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write(binary.AppendVarint(nil, int64(len(part))))
		sum.Write(part)
	}
	drawn := make([]rune, hashLength)
	for i, b := range sum.Sum(nil)[:hashLength] {
		drawn[i] = rune(b)
	}
	return rand.SafeEncodeString(string(drawn))[:hashLength]
}

// canonical is the spec as JSON that is the same for equal specs.
func canonical(spec v1alpha1.SagaDefinitionSpec) ([]byte, error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("writing the definition as JSON: %w", err)
	}
	data, err := program.Canonical(raw)
	if err != nil {
		return nil, fmt.Errorf("writing the definition as canonical JSON: %w", err)
	}
	return data, nil
}
