{{/* The name of all objects: the release's, with the chart's unless it is in there. Shortened so that suffixes fit. */}}
{{- define "saga-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The labels by which all pods of the release are found. */}}
{{- define "saga-operator.releaseLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels by which the manager's pods are found. They never change: a Deployment's selector cannot. */}}
{{- define "saga-operator.selectorLabels" -}}
{{ include "saga-operator.releaseLabels" . }}
app.kubernetes.io/component: manager
{{- end }}

{{- define "saga-operator.labels" -}}
{{ include "saga-operator.releaseLabels" . }}
app.kubernetes.io/part-of: saga-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{- define "saga-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "saga-operator.fullname" .) }}
{{- end }}

{{/* The manager's name as the API server knows it. */}}
{{- define "saga-operator.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "saga-operator.serviceAccountName" . }}
{{- end }}

{{- define "saga-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}

{{/* 90% of the memory limit as GOMEMLIMIT writes it, or nothing without a limit. */}}
{{- define "saga-operator.goMemLimit" -}}
{{- $limit := dig "limits" "memory" "" (.Values.resources | default dict) | toString }}
{{- if $limit }}
{{- $number := regexFind "^[0-9]+" $limit }}
{{- $unit := trimPrefix $number $limit }}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 }}
{{- if not (hasKey $units $unit) }}
{{- fail (printf "resources.limits.memory is %q: write it as a whole number with k, M, G, Ki, Mi or Gi, such as 1Gi" $limit) }}
{{- end }}
{{- div (mul (int64 $number) (get $units $unit) 9) 10240 }}KiB
{{- end }}
{{- end }}

{{/* The namespace in which `helm test` works. */}}
{{- define "saga-operator.testNamespace" -}}
{{- if .Values.test.namespace }}
{{- .Values.test.namespace }}
{{- else if or (eq .Values.watch.scope "Cluster") (has .Release.Namespace .Values.watch.namespaces) }}
{{- .Release.Namespace }}
{{- else }}
{{- first .Values.watch.namespaces }}
{{- end }}
{{- end }}

{{- define "saga-operator.testTopic" -}}
{{- .Values.test.topic | default (printf "%s.saga.selftest" .Values.installation) }}
{{- end }}

{{/* What /etc/saga/topic-policy.yaml says. The test may name its own topic. */}}
{{- define "saga-operator.topicPolicy" -}}
rules:
{{- with .Values.topicPolicy.rules }}
{{ toYaml . }}
{{- end }}
{{- if .Values.test.enabled }}
- namespaces:
  - {{ include "saga-operator.testNamespace" . }}
  topicPrefixes:
  - {{ include "saga-operator.testTopic" . }}
{{- end }}
{{- end }}

{{/* Ports of the brokers, each once, as a JSON list. */}}
{{- define "saga-operator.kafkaPorts" -}}
{{- $ports := list }}
{{- range .Values.kafka.brokers }}
{{- $ports = append $ports (regexFind "[0-9]+$" . | int) }}
{{- end }}
{{- range .Values.networkPolicy.kafkaPorts }}
{{- $ports = append $ports (int .) }}
{{- end }}
{{- uniq $ports | toJson }}
{{- end }}

{{/* Whose requests a FlowSchema is about. */}}
{{- define "saga-operator.flowSubjects" -}}
- kind: ServiceAccount
  serviceAccount:
    name: {{ include "saga-operator.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{/* Annotations of what `helm test` makes; the argument is its order. */}}
{{- define "saga-operator.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
