{{/* The pod of both modes; only where its data is differs. */}}
{{- define "falco-gateway.pod" -}}
metadata:
  labels:
    {{- include "falco-gateway.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A new configuration is a new pod.
    checksum/config: {{ include "falco-gateway.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "falco-gateway.serviceAccountName" . }}
  automountServiceAccountToken: false
  # Those are variables that begin with the Service's name, FALCO_GATEWAY_, as the gateway's own do.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with eq .Values.mode "edge" | ternary (concat .Values.edge.tolerations .Values.tolerations) .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    # For the volume and for Secrets, whose files are root's.
    fsGroup: 65532
    # A log of gigabytes is not gone through at each start.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- if include "falco-gateway.preparesHostPath" . }}
  initContainers:
    - name: prepare
      image: {{ .Values.edge.data.prepare.image }}
      command: [sh, -c, chown 65532:65532 /var/lib/falco-gateway && chmod 0700 /var/lib/falco-gateway]
      securityContext:
        runAsNonRoot: false
        runAsUser: 0
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
          add: [CHOWN, FOWNER]
      resources:
        requests: {cpu: 10m, memory: 16Mi}
        limits: {memory: 32Mi}
      volumeMounts:
        - name: data
          mountPath: /var/lib/falco-gateway
  {{- end }}
  containers:
    - name: falco-gateway
      image: {{ include "falco-gateway.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/falco-gateway/config.yaml]
      env:
        - name: FALCO_GATEWAY_LOG
          value: {{ .Values.logLevel | quote }}
        # For the commands that are run in this container.
        - name: FALCO_GATEWAY_SERVER
          value: unix:///run/falco-gateway/gateway.sock
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- if include "falco-gateway.servesGrpc" . }}
        - name: grpc
          containerPort: 5060
        {{- end }}
        - name: http
          containerPort: 2801
        - name: operations
          containerPort: 2810
      # Ten minutes, for reading the newest part of a large log after a crash.
      startupProbe:
        httpGet: {path: /healthz, port: operations}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 300
      livenessProbe:
        httpGet: {path: /healthz, port: operations}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /readyz, port: operations}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      securityContext:
        runAsNonRoot: true
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/falco-gateway
          readOnly: true
        - name: data
          mountPath: /var/lib/falco-gateway
        - name: run
          mountPath: /run/falco-gateway
        {{- if .Values.tls.secretName }}
        - name: tls
          mountPath: /run/secrets/falco-gateway/tls
          readOnly: true
        {{- end }}
        {{- if .Values.input.tokenSecret.name }}
        - name: input
          mountPath: /run/secrets/falco-gateway/input
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "falco-gateway.fullname" . }}
    - name: data
      {{- include "falco-gateway.data" . | nindent 6 }}
    - name: run
      emptyDir: {sizeLimit: 1Mi}
    {{- with .Values.tls.secretName }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.input.tokenSecret }}
    {{- if .name }}
    - name: input
      secret:
        secretName: {{ .name }}
        defaultMode: 0440
        items:
          - {key: {{ .key | quote }}, path: token}
    {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "falco-gateway.preparesHostPath" -}}
{{- if and (eq .Values.mode "edge") (eq .Values.edge.data.kind "hostPath") .Values.edge.data.prepare.enabled }}true{{ end }}
{{- end }}

{{- define "falco-gateway.data" -}}
{{- if eq .Values.mode "centre" -}}
persistentVolumeClaim:
  claimName: {{ include "falco-gateway.claim" . }}
{{- else if eq .Values.edge.data.kind "hostPath" -}}
hostPath:
  path: {{ .Values.edge.data.path }}
  type: DirectoryOrCreate
{{- else -}}
emptyDir:
  sizeLimit: {{ .Values.edge.data.sizeLimit }}
{{- end }}
{{- end }}
