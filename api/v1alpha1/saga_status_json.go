package v1alpha1

import "encoding/json"

// UnmarshalJSON reads a status as it is, and leaves nothing of what was there before. What the manager sends follows from the
// status that the API server returned; clients decode that into the object they sent, where a field that the API server
// dropped, since its schema is older, would otherwise survive.
func (s *SagaStatus) UnmarshalJSON(data []byte) error {
	type plain SagaStatus
	var fresh plain
	if err := json.Unmarshal(data, &fresh); err != nil {
		return err
	}
	*s = SagaStatus(fresh)
	return nil
}
