// Package v1alpha1 holds the resources of sagas.dev: types, markers, names and defaults; no behaviour.
//
// +kubebuilder:object:generate=true
// +groupName=sagas.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every resource in this package.
var GroupVersion = schema.GroupVersion{Group: "sagas.dev", Version: "v1alpha1"}

// AddToScheme registers the resources of this package.
var AddToScheme = (&schemeBuilder).AddToScheme

var schemeBuilder = runtime.NewSchemeBuilder(func(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Saga{}, &SagaList{},
		&SagaDefinition{}, &SagaDefinitionList{},
		&SagaParticipant{}, &SagaParticipantList{},
		&OrderWorkflow{}, &OrderWorkflowList{},
		&SagaTrigger{}, &SagaTriggerList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
})
