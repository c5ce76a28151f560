package engine

import "slices"

// Kinds returns the events that sagas of the program listen for, whatever their keys, which are empty: each once.
func (p *Program) Kinds() []Listening {
	var kinds []Listening
	for i := range p.steps {
		def := &p.steps[i]
		if def.await == nil {
			continue
		}
		for _, t := range []string{def.await.succeeded, def.await.failed} {
			if kind := (Listening{Participant: def.participant, Type: t}); t != "" && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	return kinds
}
