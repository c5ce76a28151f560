{{/* What the schema cannot judge: values that contradict each other, and Secrets that are not there. */}}
{{- define "saga-operator.validate" -}}
{{- $problems := list }}
{{- range list "name" "image" "kafka" "watch" "topicPolicy" "accounts" "leaderElection" "secrets" }}
{{- with include (printf "saga-operator.validate.%s" .) $ }}
{{- $problems = concat $problems (splitList "\n" (trim .)) }}
{{- end }}
{{- end }}
{{- with compact $problems }}
{{- fail (printf "\n\nsaga-operator cannot be installed with these values:\n- %s\n" (join "\n- " .)) }}
{{- end }}
{{- end }}

{{- define "saga-operator.validate.name" -}}
{{- $name := include "saga-operator.fullname" . }}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $name) }}
the objects would be called {{ $name }}, which no Service may be: name the release otherwise, or set fullnameOverride to lower case letters, digits and dashes that begin with a letter
{{- end }}
{{- end }}

{{- define "saga-operator.validate.image" -}}
{{- if and (eq .Values.image.tag "latest") (not .Values.image.digest) }}
image.tag is latest, which is another program each day: name a version, or a digest in image.digest
{{- end }}
{{- end }}

{{- define "saga-operator.validate.kafka" -}}
{{- with .Values.kafka }}
{{- if not .brokers }}
kafka.brokers is empty: name at least one broker, such as --set 'kafka.brokers={kafka.kafka.svc:9092}'
{{- end }}
{{- if and .sasl.mechanism (not .tls.enabled) (not .sasl.allowWithoutTLS) }}
kafka.sasl.mechanism is set and kafka.tls.enabled is false, so that the credentials would travel unencrypted: set kafka.tls.enabled=true, or consent with kafka.sasl.allowWithoutTLS=true
{{- end }}
{{- if and .sasl.mechanism (not .sasl.secretName) }}
kafka.sasl.mechanism is set without kafka.sasl.secretName: name the Secret that holds {{ .sasl.usernameKey }} and {{ .sasl.passwordKey }}
{{- end }}
{{- if and .sasl.secretName (not .sasl.mechanism) }}
kafka.sasl.secretName is set without kafka.sasl.mechanism: set it to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
{{- end }}
{{- if and .tls.secretName (not .tls.enabled) }}
kafka.tls.secretName is set and kafka.tls.enabled is false: set kafka.tls.enabled=true, or leave the Secret out
{{- end }}
{{- if and .tls.secretName (not .tls.caKey) (not .tls.certKey) }}
kafka.tls.secretName is set without kafka.tls.caKey and kafka.tls.certKey: say what to take from it
{{- end }}
{{- if ne (empty .tls.certKey) (empty .tls.keyKey) }}
kafka.tls.certKey and kafka.tls.keyKey belong together: set both, or neither
{{- end }}
{{- if and .tls.certKey (not .tls.secretName) }}
kafka.tls.certKey is set without kafka.tls.secretName: name the Secret that holds the client certificate
{{- end }}
{{- end }}
{{- end }}

{{- define "saga-operator.validate.watch" -}}
{{- with .Values.watch }}
{{- if and (eq .scope "Namespaced") (not .namespaces) }}
watch.scope is Namespaced and watch.namespaces is empty: list the namespaces, such as --set 'watch.namespaces={shop}'
{{- end }}
{{- if and (eq .scope "Cluster") .namespaces }}
watch.namespaces is set and watch.scope is Cluster, which watches all namespaces: set watch.scope=Namespaced, or leave the list out
{{- end }}
{{- end }}
{{- with .Values.test }}
{{- if and .enabled .namespace (eq $.Values.watch.scope "Namespaced") (not (has .namespace $.Values.watch.namespaces)) }}
test.namespace is {{ .namespace }}, which is not in watch.namespaces: nobody would run the test's sagas
{{- end }}
{{- end }}
{{- end }}

{{- define "saga-operator.validate.topicPolicy" -}}
{{- $policy := .Values.topicPolicy }}
{{- if and $policy.allowAll $policy.rules }}
topicPolicy.allowAll is true and topicPolicy.rules is set: choose one of them
{{- end }}
{{- if and (eq .Values.watch.scope "Cluster") (not $policy.allowAll) (not $policy.rules) }}
topicPolicy is not stated, and with watch.scope Cluster it must be: say in topicPolicy.rules which namespaces may name which topics, such as [{namespaces: [shop], topicPrefixes: [shop.]}], or let all name any with topicPolicy.allowAll=true
{{- end }}
{{- end }}

{{- define "saga-operator.validate.accounts" -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
serviceAccount.create is false: name the account to use in serviceAccount.name
{{- end }}
{{- if eq .Values.serviceAccount.name "default" }}
serviceAccount.name is default, whose rights every pod of the namespace would share: choose another name
{{- end }}
{{- end }}

{{- define "saga-operator.validate.leaderElection" -}}
{{- $lease := include "saga-operator.milliseconds" .Values.leaderElection.leaseDuration | float64 }}
{{- $renew := include "saga-operator.milliseconds" .Values.leaderElection.renewDeadline | float64 }}
{{- $retry := include "saga-operator.milliseconds" .Values.leaderElection.retryPeriod | float64 }}
{{- if or (lt $lease 1000.0) (gt $lease 300000.0) (lt $renew 1000.0) (lt $retry 100.0) (gt $retry 60000.0) }}
leaderElection: leaseDuration is from 1s to 5m, renewDeadline from 1s and retryPeriod from 100ms to 1m
{{- end }}
{{- if not (and (gt $lease $renew) (gt $renew (mulf 1.2 $retry))) }}
leaderElection: leaseDuration must be longer than renewDeadline, and that longer than 1.2 times retryPeriod
{{- end }}
{{- end }}

{{/* The milliseconds of a duration such as 1m30s. */}}
{{- define "saga-operator.milliseconds" -}}
{{- $sum := 0.0 }}
{{- range regexFindAll "[0-9.]+(ms|m|s)" . -1 }}
{{- $sum = addf $sum (mulf (regexFind "^[0-9.]+" . | float64) (get (dict "ms" 1 "s" 1000 "m" 60000) (regexFind "[a-z]+$" .))) }}
{{- end }}
{{- $sum }}
{{- end }}

{{/*
Secrets are looked for only where looking up works: with `helm template`, in Git tools and where the namespace is yet
to be made, nothing is found at all. Every namespace of a cluster has the ConfigMap kube-root-ca.crt.
*/}}
{{- define "saga-operator.validate.secrets" -}}
{{- if lookup "v1" "ConfigMap" .Release.Namespace "kube-root-ca.crt" }}
{{- range include "saga-operator.secrets" . | fromYamlArray }}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace .name }}
{{- if not $secret }}
Secret {{ .name }} ({{ .value }}) is not in namespace {{ $.Release.Namespace }}: make it first, with the keys {{ join ", " .keys }}
{{- else }}
{{- range $key := .keys }}
{{- if not (hasKey ($secret.data | default dict) $key) }}
Secret {{ $secret.metadata.name }} has no key {{ $key }}: add it to the Secret, or say in the values under which key it is
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secrets that the pods mount, as a YAML list of {name, value, keys}. */}}
{{- define "saga-operator.secrets" -}}
- name: {{ .Values.replyToken.secretName }}
  value: replyToken.secretName
  keys: {{ list .Values.replyToken.keyKey | toJson }}
{{- with .Values.kafka.tls }}
{{- if and .enabled .secretName }}
- name: {{ .secretName }}
  value: kafka.tls.secretName
  keys: {{ compact (list .caKey .certKey .keyKey) | toJson }}
{{- end }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if and .mechanism .secretName }}
- name: {{ .secretName }}
  value: kafka.sasl.secretName
  keys: {{ list .usernameKey .passwordKey | toJson }}
{{- end }}
{{- end }}
{{- end }}
