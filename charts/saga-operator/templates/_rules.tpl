{{- /* Written by make generate from config/. Do not edit. */}}
{{- define "saga-operator.managerRules" -}}
- apiGroups:
  - apps
  resources:
  - controllerrevisions
  verbs:
  - create
  - delete
  - get
  - list
  - update
  - watch
- apiGroups:
  - events.k8s.io
  resources:
  - events
  verbs:
  - create
  - patch
{{- if .Values.orderWorkflows.enabled }}
- apiGroups:
  - sagas.dev
  resources:
  - orderworkflows
  verbs:
  - create
  - get
  - list
  - watch
{{- end }}
- apiGroups:
  - sagas.dev
  resources:
  - sagas/finalizers
  - sagas/status
  verbs:
  - update
{{- if .Values.orderWorkflows.enabled }}
- apiGroups:
  - sagas.dev
  resources:
  - orderworkflows/finalizers
  verbs:
  - update
{{- end }}
- apiGroups:
  - sagas.dev
  resources:
  - sagadefinitions/status
  - sagaparticipants/status
  - sagatriggers/status
  verbs:
  - get
  - update
{{- if .Values.orderWorkflows.enabled }}
- apiGroups:
  - sagas.dev
  resources:
  - orderworkflows/status
  verbs:
  - get
  - update
{{- end }}
- apiGroups:
  - sagas.dev
  resources:
  - sagadefinitions
  - sagatriggers
  verbs:
  - get
  - list
  - watch
- apiGroups:
  - sagas.dev
  resources:
  - sagaparticipants
  verbs:
  - get
  - list
  - update
  - watch
- apiGroups:
  - sagas.dev
  resources:
  - sagas
  verbs:
  - create
  - delete
  - get
  - list
  - patch
  - update
  - watch
{{- end }}
{{- define "saga-operator.leaseRules" -}}
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  verbs:
  - create
  - get
  - update
{{- end }}
