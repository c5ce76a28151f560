package expr

import (
	"regexp"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// claimCheck matches what stands for a value that is kept elsewhere: {"$ref": "…", "sha256": "…"}.
var claimCheck = newClaimCheck()

func newClaimCheck() *jsonschema.Schema {
	object, text, both := new(jsonschema.Types), new(jsonschema.Types), 2
	object.Add("object")
	text.Add("string")
	return &jsonschema.Schema{
		Types: object, Required: []string{"$ref", "sha256"}, MaxProperties: &both,
		Properties: map[string]*jsonschema.Schema{
			"$ref":   {Types: text},
			"sha256": {Types: text, Pattern: regexp.MustCompile(`^[0-9a-f]{64}$`)},
		},
	}
}

// takeClaimChecks changes s and all schemas in it so that a claim check matches each of them, but for `false`: what must
// not be there must not be there as a claim check either.
func takeClaimChecks(s *jsonschema.Schema) {
	for _, s := range everySchema(s) {
		if s.Bool != nil {
			continue
		}
		asked := *s
		*s = jsonschema.Schema{DraftVersion: asked.DraftVersion, Location: asked.Location, If: claimCheck, Else: &asked}
	}
}

// askedOf returns what s asks of a value that is no claim check.
func askedOf(s *jsonschema.Schema) *jsonschema.Schema {
	if s.If == claimCheck {
		return s.Else
	}
	return s
}
