package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OrderPhase sums an order up for people; programs wait on conditions.
//
// +kubebuilder:validation:Enum=Pending;Processing;Completed;Cancelled;NeedsAttention;Rejected
type OrderPhase string

const (
	OrderPending        OrderPhase = "Pending"        // its saga is not made yet
	OrderProcessing     OrderPhase = "Processing"     // its saga is on its way, forward or backward
	OrderCompleted      OrderPhase = "Completed"      // final: reserved, paid and shipped
	OrderCancelled      OrderPhase = "Cancelled"      // final: everything that had been done is undone
	OrderNeedsAttention OrderPhase = "NeedsAttention" // a person must decide
	OrderRejected       OrderPhase = "Rejected"       // final: it could never start, nothing was done
)

// OrderWorkflowSpec is an order: who buys what, what it costs, how it is paid and where it goes. Nothing of it can
// change once the order exists.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an order cannot change: make a new order"
// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || !(self.lines.size() > 0 && self.total.matches('^[0-9]+([.][0-9]+)?$') && self.lines.all(l, l.quantity > 0 && l.unitPrice.matches('^[0-9]+([.][0-9]+)?$'))) || [int(self.total.split('.')[0]) * 1000 + int((self.total + (self.total.contains('.') ? '00' : '.000')).split('.')[1].substring(0, 3))].all(total, [self.lines.map(l, [l.quantity, int(l.unitPrice.split('.')[0]) * 1000 + int((l.unitPrice + (l.unitPrice.contains('.') ? '00' : '.000')).split('.')[1].substring(0, 3))])].all(lines, lines.all(l, l[1] <= total / l[0]) && lines.map(l, l[0] * l[1]).sum() == total))",message="total must be the sum of quantity × unitPrice of all lines"
type OrderWorkflowSpec struct {
	// customer is who buys.
	// +required
	Customer OrderCustomer `json:"customer"`

	// currency of every amount of the order: an ISO 4217 code of three capital letters, such as EUR. No amount may have
	// more decimals than the currency (EUR 2, JPY 0, KWD 3).
	// +required
	// +kubebuilder:validation:MaxLength=3
	// +kubebuilder:validation:Pattern=`^[A-Z]{3}$`
	Currency string `json:"currency"`

	// lines are what is bought. From 1 to 100 lines.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	Lines []OrderLine `json:"lines"`

	// total is what the order costs: exactly the sum of quantity × unitPrice of all lines.
	// A decimal string such as "129.90": at most 12 digits, and at most 3 decimals.
	// +required
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^(0|[1-9][0-9]{0,11})(\.[0-9]{1,3})?$`
	Total string `json:"total"`

	// payment is how the order is paid.
	// +required
	Payment OrderPayment `json:"payment"`

	// delivery is where the order goes.
	// +required
	Delivery OrderDelivery `json:"delivery"`

	// definitionRef names the SagaDefinition that fulfils the order. Defaults to order-fulfilment.
	// +optional
	// +kubebuilder:default={name: order-fulfilment}
	DefinitionRef *DefinitionReference `json:"definitionRef,omitempty"`

	// idempotencyKey is passed on to the saga: the identity of the transaction, which participants execute once.
	// Letters, digits, dots, underscores and dashes, at most 128 characters. Defaults to the order's name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
}

// OrderCustomer is who buys.
type OrderCustomer struct {
	// id is the customer's number or account. Printable ASCII without spaces, at most 63 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	ID string `json:"id"`

	// name of the customer, for people. At most 100 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name"`

	// email is where the customer is told about the order. At most 254 characters. Defaults to none.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:Pattern=`^[^@\s]+@[^@\s]+$`
	Email string `json:"email,omitempty"`
}

// OrderLine is a number of pieces of one article.
type OrderLine struct {
	// sku is the article's number. Letters, digits, dots, slashes, underscores and dashes, at most 48 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=48
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._/-]+$`
	SKU string `json:"sku"`

	// quantity is how many pieces are bought. From 1 to 1000000.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Quantity int32 `json:"quantity"`

	// unitPrice is the price of one piece, in the order's currency.
	// A decimal string such as "12.50": at most 12 digits, and at most 3 decimals.
	// +required
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^(0|[1-9][0-9]{0,11})(\.[0-9]{1,3})?$`
	UnitPrice string `json:"unitPrice"`
}

// OrderPayment is how the order is paid.
type OrderPayment struct {
	// method is the payment service's token for the customer's means of payment, such as tok_visa; never a card number.
	// Letters, digits, dots, underscores and dashes, at most 128 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	Method string `json:"method"`
}

// OrderDelivery is where the order goes.
type OrderDelivery struct {
	// name of who receives the order. Defaults to the customer's name. At most 100 characters.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name,omitempty"`

	// address is street and house number, and what else comes before the city. From 1 to 4 lines of at most
	// 100 characters.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=100
	Address []string `json:"address"`

	// city the order goes to. At most 100 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	City string `json:"city"`

	// postalCode of the address, where the country has postal codes. Letters, digits, spaces and dashes, at
	// most 16 characters. Without it there is none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9 -]+$`
	PostalCode string `json:"postalCode,omitempty"`

	// country is an ISO 3166-1 code of two capital letters, such as DE.
	// +required
	// +kubebuilder:validation:MaxLength=2
	// +kubebuilder:validation:Pattern=`^[A-Z]{2}$`
	Country string `json:"country"`
}

// OrderWorkflowStatus is how the order stands. It is written when the order starts, when it needs a person and no
// longer does, and when it ends; what happens in between is in the saga's status.
type OrderWorkflowStatus struct {
	// observedGeneration is the generation of the order that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase sums the order up: Pending, Processing, NeedsAttention, or finally Completed, Cancelled, Rejected.
	// +optional
	Phase OrderPhase `json:"phase,omitempty"`

	// total is the order's total with its currency, such as "129.90 EUR". At most 20 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=20
	Total string `json:"total,omitempty"`

	// reservationId is what the inventory knows the reserved goods by. At most 128 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ReservationID string `json:"reservationId,omitempty"`

	// paymentId is what the payment service knows the charge by. At most 128 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	PaymentID string `json:"paymentId,omitempty"`

	// shipmentId is what the shipping service knows the shipment by. At most 128 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ShipmentID string `json:"shipmentId,omitempty"`

	// message says how the order stands, for people. At most 512 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// sagaUID is the UID of the saga that fulfils the order. Once it is here no other saga is ever made for the order.
	// At most 63 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	SagaUID string `json:"sagaUID,omitempty"`

	// conditions are Accepted (reasons Accepted, InvalidOrder, Pending and those of the saga), Ready (Completed,
	// Running, NeedsIntervention, Compensated, Rejected, InvalidOrder, SagaLost, SagaNameTaken, Pending) and Stalled
	// (SagaLost, SagaNameTaken, InvalidOrder, NeedsIntervention, Compensated, Rejected, Progressing, Completed). At most 8.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// OrderWorkflow is an order: it owns a Saga of the same name that fulfils it, made from the definition it names.
// Suspending, aborting and resolving are done on that Saga; deleting the order deletes the Saga, which undoes itself first.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=order;orders,categories=sagas-dev
// +kubebuilder:metadata:annotations={"argocd.argoproj.io/sync-options=Prune=false","kustomize.toolkit.fluxcd.io/prune=disabled"}
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 128",message="the name is part of idempotency keys: it must have at most 128 characters"
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
// +kubebuilder:selectablefield:JSONPath=`.spec.customer.id`
// +kubebuilder:printcolumn:name="Customer",type=string,JSONPath=`.spec.customer.name`
// +kubebuilder:printcolumn:name="Total",type=string,JSONPath=`.status.total`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reservation",type=string,JSONPath=`.status.reservationId`,priority=1
// +kubebuilder:printcolumn:name="Payment",type=string,JSONPath=`.status.paymentId`,priority=1
// +kubebuilder:printcolumn:name="Shipment",type=string,JSONPath=`.status.shipmentId`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
type OrderWorkflow struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the order.
	// +required
	Spec OrderWorkflowSpec `json:"spec"`

	// status is how the order stands. Defaults to phase Pending and three conditions that say so.
	// +optional
	// +kubebuilder:default={phase: "Pending", conditions: {{type: "Accepted", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Ready", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Stalled", status: "False", reason: "Progressing", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status OrderWorkflowStatus `json:"status,omitempty"`
}

// OrderWorkflowList is a list of orders.
//
// +kubebuilder:object:root=true
type OrderWorkflowList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []OrderWorkflow `json:"items"`
}
