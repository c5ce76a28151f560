package participant

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Output is an output that says which version of its form it has. A handler returns one instead of the data alone, so that
// definitions can bring the versions that they still understand into their own form (upcasts).
type Output struct {
	// DataSchema is the version, the answer's ce_dataschema: plain text of at most 512 bytes, of which upcasts can name at most
	// 253 characters. Empty: the present version.
	DataSchema string
	// Data is the output itself: nil, or what encodes to a JSON object of at most 16 KiB.
	Data any
}

// answerOf is the answer that gives what a handler returned. Errors are business failures: the effect is rolled back.
func answerOf(output any) (answer, error) {
	versioned, ok := output.(Output)
	if !ok {
		versioned = Output{Data: output}
	}
	if err := wire.CheckHeader(wire.HeaderDataSchema, versioned.DataSchema); err != nil {
		return answer{}, Fail(CodeInvalidOutput, "the handler's output: DataSchema: "+err.Error())
	}
	body, err := objectOf(versioned.Data)
	if err != nil {
		return answer{}, Fail(CodeInvalidOutput, "the handler's output "+err.Error())
	}
	return answer{Outcome: succeeded, Body: body, DataSchema: versioned.DataSchema}, nil
}

// objectOf encodes data as a JSON object within the contract's bound. Nothing becomes {}. Errors continue a sentence about the data.
func objectOf(data any) ([]byte, error) {
	if data == nil {
		return []byte("{}"), nil
	}
	body, err := json.Marshal(data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be encoded: %w", err)
	case !bytes.HasPrefix(body, []byte("{")):
		return nil, errNoObject
	case len(body) > wire.MaxBody:
		return nil, fmt.Errorf("has %d bytes, at most %d are allowed", len(body), wire.MaxBody)
	}
	return body, nil
}
