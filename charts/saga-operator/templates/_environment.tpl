{{/* The flags of the manager, by the names of their environment variables; `helm test` reads those of Kafka too. */}}
{{- define "saga-operator.environment" -}}
SAGA_INSTALLATION: {{ .Values.installation | quote }}
{{- with .Values.watch.namespaces }}
SAGA_NAMESPACES: {{ join "," . | quote }}
{{- end }}
{{ include "saga-operator.environment.kafka" .Values.kafka }}
SAGA_REPLY_TOKEN_KEY_FILE: {{ printf "/var/run/saga/reply-token/%s" .Values.replyToken.keyKey | quote }}
SAGA_REPLY_TOKEN_PREVIOUS_KEY_FILE: {{ printf "/var/run/saga/reply-token/%s" .Values.replyToken.previousKey | quote }}
{{- if .Values.topicPolicy.allowAll }}
SAGA_ALLOW_ALL_TOPICS: "true"
{{- else if include "saga-operator.hasTopicPolicy" . }}
SAGA_TOPIC_POLICY_FILE: /etc/saga/topic-policy.yaml
{{- end }}
SAGA_ORDER_WORKFLOWS: {{ .Values.orderWorkflows.enabled | quote }}
{{- with .Values.leaderElection }}
SAGA_LEADER_ELECTION_LEASE_DURATION: {{ .leaseDuration | quote }}
SAGA_LEADER_ELECTION_RENEW_DEADLINE: {{ .renewDeadline | quote }}
SAGA_LEADER_ELECTION_RETRY_PERIOD: {{ .retryPeriod | quote }}
{{- end }}
SAGA_CONCURRENCY: {{ .Values.concurrency | quote }}
SAGA_SHUTDOWN_TIMEOUT: {{ printf "%vs" .Values.shutdownTimeoutSeconds | quote }}
SAGA_LOG_LEVEL: {{ .Values.logging.level | quote }}
SAGA_LOG_FORMAT: {{ .Values.logging.format | quote }}
{{- end }}

{{- define "saga-operator.environment.kafka" -}}
SAGA_KAFKA_BROKERS: {{ join "," .brokers | quote }}
{{- with .tls }}
{{- if .enabled }}
SAGA_KAFKA_TLS: "true"
{{- if .secretName }}
{{- if .caKey }}
SAGA_KAFKA_CA_FILE: /var/run/saga/kafka/tls/ca.crt
{{- end }}
{{- if .certKey }}
SAGA_KAFKA_CERT_FILE: /var/run/saga/kafka/tls/tls.crt
SAGA_KAFKA_KEY_FILE: /var/run/saga/kafka/tls/tls.key
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with .sasl }}
{{- if .mechanism }}
SAGA_KAFKA_SASL_MECHANISM: {{ .mechanism | quote }}
SAGA_KAFKA_SASL_USERNAME_FILE: /var/run/saga/kafka/sasl/username
SAGA_KAFKA_SASL_PASSWORD_FILE: /var/run/saga/kafka/sasl/password
{{- end }}
{{- end }}
{{- end }}

{{/* Not empty where topics are restricted: by rules or, in all namespaces, by not being allowed to all. */}}
{{- define "saga-operator.hasTopicPolicy" -}}
{{- if and (not .Values.topicPolicy.allowAll) (or .Values.topicPolicy.rules (eq .Values.watch.scope "Cluster")) }}yes{{ end }}
{{- end }}

{{/* Where the Secrets of Kafka are mounted. The files are read again when they change. */}}
{{- define "saga-operator.kafkaMounts" -}}
{{- if and .Values.kafka.tls.enabled .Values.kafka.tls.secretName }}
- name: kafka-tls
  mountPath: /var/run/saga/kafka/tls
  readOnly: true
{{- end }}
{{- if .Values.kafka.sasl.mechanism }}
- name: kafka-sasl
  mountPath: /var/run/saga/kafka/sasl
  readOnly: true
{{- end }}
{{- end }}

{{- define "saga-operator.kafkaVolumes" -}}
{{- with .Values.kafka.tls }}
{{- if and .enabled .secretName }}
- name: kafka-tls
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
    {{- with .caKey }}
    - key: {{ . }}
      path: ca.crt
    {{- end }}
    {{- if .certKey }}
    - key: {{ .certKey }}
      path: tls.crt
    - key: {{ .keyKey }}
      path: tls.key
    {{- end }}
{{- end }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
- name: kafka-sasl
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
    - key: {{ .usernameKey }}
      path: username
    - key: {{ .passwordKey }}
      path: password
{{- end }}
{{- end }}
{{- end }}
