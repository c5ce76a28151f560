package lint

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// place is what tells objects of one kind apart.
type place struct{ namespace, name string }

func (o *object) place() place { return place{o.meta.Metadata.Namespace, o.meta.Metadata.Name} }

func (o *object) beside(name string) place { return place{o.meta.Metadata.Namespace, name} }

// judgeTogether judges what objects say of each other.
func (r *run) judgeTogether() {
	r.findDoubles()
	definitions, participants := map[place]*object{}, map[place]*object{}
	for _, o := range r.objects {
		switch o.meta.Kind {
		case "SagaDefinition":
			definitions[o.place()] = o
		case "SagaParticipant":
			participants[o.place()] = o
		}
	}
	for _, o := range r.objects {
		r.findDefinition(o, definitions)
		if o.examined != nil {
			r.findParticipants(o, o.examined.Uses, participants)
		}
	}
}

// findDoubles tells of objects that are there twice, and of transactions that are.
func (r *run) findDoubles() {
	objects, keys, sagas := map[string]*object{}, map[string]*object{}, map[place]*object{}
	for _, o := range r.objects {
		if o.meta.Metadata.Name == "" {
			continue // its name, and with it its key, is generated
		}
		id := o.meta.Kind + "/" + o.place().namespace + "/" + o.place().name
		if first := objects[id]; first != nil {
			r.add(Error, o, "metadata.name", "the same object stands at %s:%d", first.file, first.line("metadata.name"))
			continue
		}
		objects[id] = o
		if o.saga == nil {
			continue
		}
		key := program.IdempotencyKey("", o.saga)
		if first := sagas[o.place()]; first != nil {
			r.add(Error, o, "metadata.name", "the %s at %s:%d has or makes a Saga of this name", first.meta.Kind, first.file, first.line("metadata.name"))
		} else if first := keys[key]; first != nil {
			r.add(Error, o, "spec.idempotencyKey", "%s/%s at %s:%d has the same idempotency key: one of them would be rejected, or have no effect",
				first.meta.Kind, first.name(), first.file, first.line("spec.idempotencyKey"))
		}
		sagas[o.place()], keys[key] = o, o
	}
}

// runs is the definition that an object refers to, or nil.
func (o *object) runs() *v1alpha1.DefinitionReference {
	switch {
	case o.saga != nil:
		return o.saga.Spec.DefinitionRef
	case o.trigger != nil:
		return o.trigger.Spec.DefinitionRef
	}
	return nil
}

// findDefinition looks for what a saga, the saga of an order, or those of a trigger run.
func (r *run) findDefinition(o *object, definitions map[place]*object) {
	ref := o.runs()
	if ref == nil {
		return
	}
	found := definitions[o.beside(ref.Name)]
	switch {
	case found == nil:
		r.add(Warning, o, "spec.definitionRef.name", "SagaDefinition %q is not among these files", ref.Name)
	case o.saga != nil && ref.Revision == "" && found.examined != nil:
		r.judgeParams(o, found.examined.Schema)
	case o.trigger != nil && ref.Revision == "" && found.examined != nil:
		r.judgeMapping(o, found.examined)
	}
}

// findParticipants looks for those that a definition uses, and whether they name the topics that it needs.
func (r *run) findParticipants(o *object, uses map[string]engine.ParticipantUse, participants map[place]*object) {
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		if name == "" {
			continue
		}
		found := participants[o.beside(name)]
		field := o.examined.firstUse(name)
		if found == nil && o.refused[field] {
			continue // no participant can have such a name
		}
		if found == nil {
			r.add(Warning, o, field, "SagaParticipant %q is not among these files", name)
			continue
		}
		if found.participant == nil {
			continue // refused: that is said already
		}
		topics := found.participant.Spec.Topics
		if uses[name].Commands && topics.Commands == "" {
			r.add(Error, o, field, "SagaParticipant %q names no topic for commands (%s:%d), which a step of it needs", name, found.file, found.line("spec.topics"))
		}
		if (uses[name].Events || uses[name].Listens) && topics.Events == "" {
			r.add(Error, o, field, "SagaParticipant %q names no topic for events (%s:%d), which a step of it needs", name, found.file, found.line("spec.topics"))
		}
	}
}

// firstUse is the field that names a participant first.
func (e *examined) firstUse(participant string) string {
	i := slices.IndexFunc(e.spec.Steps, func(s v1alpha1.Step) bool { return s.Participant == participant })
	return cmp.Or(stepField(e.field, i), e.field)
}

func stepField(base string, i int) string {
	if i < 0 {
		return ""
	}
	return base + ".steps[" + strconv.Itoa(i) + "].participant"
}
