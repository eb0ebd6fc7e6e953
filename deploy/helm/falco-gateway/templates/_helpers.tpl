{{- define "falco-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "falco-gateway.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "falco-gateway.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "falco-gateway.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "falco-gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "falco-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "falco-gateway.labels" -}}
{{ include "falco-gateway.selectorLabels" . }}
app.kubernetes.io/component: {{ .Values.mode }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "falco-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "falco-gateway.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "falco-gateway.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The claim of a centre: that of the user, or the chart's own. */}}
{{- define "falco-gateway.claim" -}}
{{- .Values.persistence.existingClaim | default (include "falco-gateway.fullname" .) }}
{{- end }}

{{/* Whether gRPC can be reached from outside the pod. A list of the user's own is taken to say so. */}}
{{- define "falco-gateway.servesGrpc" -}}
{{- if or .Values.tls.secretName .Values.plaintextGrpc (hasKey .Values.config "listen") }}true{{ end }}
{{- end }}

{{/*
Where gRPC is served. The socket is for `kubectl exec ... falco-gateway status`, which so needs no certificate.
*/}}
{{- define "falco-gateway.listen" -}}
- unix:///run/falco-gateway/gateway.sock
{{- if .Values.tls.secretName }}
- address: {{ printf "%s:5060" .Values.bindAddress | quote }}
  tls:
    certificate: /run/secrets/falco-gateway/tls/tls.crt
    key: /run/secrets/falco-gateway/tls/tls.key
    client_ca: /run/secrets/falco-gateway/tls/ca.crt
{{- else if .Values.plaintextGrpc }}
- {{ printf "%s:5060" .Values.bindAddress | quote }}
{{- else }}
- "127.0.0.1:5060"
{{- end }}
{{- end }}

{{- define "falco-gateway.sources" -}}
- id: http
  {{- with .Values.cluster }}
  cluster: {{ . | quote }}
  {{- end }}
  http:
    listen: {{ printf "%s:2801" .Values.bindAddress | quote }}
    {{- if .Values.input.tokenSecret.name }}
    token_file: /run/secrets/falco-gateway/input/token
    {{- end }}
{{- end }}

{{/* The user's configuration, and beside it what was not said and must fit the chart's ports and volumes. */}}
{{- define "falco-gateway.config" -}}
{{- if not .Values.config.allow_plaintext_off_loopback }}
{{- fail "config.allow_plaintext_off_loopback must be true in a pod: the kubelet's probes and Falco's posts come over the pod network, and the chart gives the operations listener and the HTTP input no TLS. It does not open gRPC" }}
{{- end }}
{{- if and .Values.tls.secretName .Values.plaintextGrpc }}
{{- fail "plaintextGrpc and tls.secretName exclude each other: both are port 5060" }}
{{- end }}
{{- $config := deepCopy .Values.config }}
{{- $_ := set $config "data_dir" "/var/lib/falco-gateway" }}
{{- if not (hasKey $config "listen") }}
{{- $_ := set $config "listen" (include "falco-gateway.listen" . | fromYamlArray) }}
{{- end }}
{{- if not (hasKey $config "operations") }}
{{- $_ := set $config "operations" (dict "listen" (printf "%s:2810" .Values.bindAddress)) }}
{{- end }}
{{- if not (hasKey $config "sources") }}
{{- $_ := set $config "sources" (include "falco-gateway.sources" . | fromYamlArray) }}
{{- end }}
{{- $log := $config.log | default dict }}
{{- if not (hasKey $log "retention_bytes") }}
{{- $_ := set $log "retention_bytes" (eq .Values.mode "edge" | ternary "1GiB" "10GiB") }}
{{- end }}
{{- $_ := set $config "log" $log }}
{{- toYaml $config }}
{{- end }}
