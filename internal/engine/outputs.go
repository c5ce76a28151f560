package engine

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// writeOutputs renders what the saga is known by, once every step is done. What cannot be rendered changes nothing about that: the
// saga is Completed, and outputsMessage says why there are none.
func (d *decision) writeOutputs() {
	if d.outputs == nil {
		return
	}
	raw, err := d.outputs.Render(d.values(d.s))
	if err == nil && len(raw) > v1alpha1.MaxOutputBytes {
		err = fmt.Errorf("%w: the outputs have %d bytes, at most %d are kept", ErrTooLarge, len(raw), v1alpha1.MaxOutputBytes)
	}
	if err != nil {
		d.s.OutputsMessage = clip(err.Error(), maxMessage)
		return
	}
	d.s.Outputs = &runtime.RawExtension{Raw: raw}
}
