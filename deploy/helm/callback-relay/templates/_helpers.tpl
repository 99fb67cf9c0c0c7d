{{/* Names are cut at 52 characters, so that they fit into 63 with -migrate-… */}}
{{- define "callback-relay.fullname" -}}
{{- $chart := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $chart .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $chart | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that identify the objects of this release. They never change, since a
Deployment's selector cannot. */}}
{{- define "callback-relay.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "callback-relay.labels" -}}
{{ include "callback-relay.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "callback-relay.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "callback-relay.secretName" -}}
{{ .Values.secret.existing | default (include "callback-relay.fullname" .) }}
{{- end -}}

{{- define "callback-relay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "callback-relay.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* Host and path of the public URL, so that links and routes agree. */}}
{{- define "callback-relay.host" -}}
{{ regexReplaceAll ":[0-9]+$" (urlParse .Values.publicUrl).host "" }}
{{- end -}}
{{- define "callback-relay.path" -}}
{{ (urlParse .Values.publicUrl).path | trimSuffix "/" | default "/" }}
{{- end -}}

{{/* How long a process may take to stop: stopWithin plus exportWithin in
cmd/relay/node.go. */}}
{{- define "callback-relay.stopSeconds" -}}27{{- end -}}

{{/* Labels of the pods of a component. The chart's labels take precedence, since
selectors need them. */}}
{{- define "callback-relay.podLabels" -}}
{{- merge (dict "app.kubernetes.io/component" .component) (include "callback-relay.labels" .chart | fromYaml) .chart.Values.podLabels | toYaml -}}
{{- end -}}

{{/* The common part of all pods. None needs the API server. */}}
{{- define "callback-relay.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false # other services' variables could be mistaken for settings
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532 # may read the Secret, and the role's credentials
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The common part of all containers: one program that writes no files. */}}
{{- define "callback-relay.container" -}}
image: {{ include "callback-relay.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Settings of Redis, for both the relay and the migration. */}}
{{- define "callback-relay.redisEnv" -}}
- name: RELAY_REDIS_URL_FILE
  value: /run/secrets/callback-relay/redis-url
- name: RELAY_REDIS_MODE
  value: {{ .Values.redis.mode }}
{{- end -}}

{{/* Settings of the relay, for both the relay and relay check. */}}
{{- define "callback-relay.serveEnv" -}}
- name: RELAY_PUBLIC_URL
  value: {{ .Values.publicUrl | quote }}
- name: RELAY_KEYS_FILE
  value: /run/secrets/callback-relay/keys
- name: RELAY_API_KEYS_FILE
  value: /run/secrets/callback-relay/api-keys
{{ include "callback-relay.redisEnv" . }}
- name: RELAY_REDIS_DURABILITY
  value: {{ .Values.redis.durability | quote }}
- name: AWS_REGION
  value: {{ .Values.aws.region | quote }}
{{- if .Values.config }}
- name: RELAY_CONFIG_FILE
  value: /etc/callback-relay/config.yaml
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Files that these settings name. */}}
{{- define "callback-relay.serveMounts" -}}
- name: secret
  mountPath: /run/secrets/callback-relay
  readOnly: true
{{- if .Values.config }}
# Whole folders, since Kubernetes does not update a file that is mounted by subPath.
- name: config
  mountPath: /etc/callback-relay
  readOnly: true
{{- range $i, $name := .Values.configSecrets }}
- name: config-secret-{{ $i }}
  mountPath: /run/secrets/config/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- define "callback-relay.serveVolumes" -}}
- name: secret
  secret:
    secretName: {{ include "callback-relay.secretName" . }}
    defaultMode: 0440
    items:
      - {key: keys, path: keys}
      - {key: api-keys, path: api-keys}
      - {key: redis-url, path: redis-url}
{{- if .Values.config }}
- name: config
  configMap:
    name: {{ include "callback-relay.fullname" . }}
{{- range $i, $name := .Values.configSecrets }}
- name: config-secret-{{ $i }}
  secret:
    secretName: {{ $name }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What all pods may connect to. */}}
{{- define "callback-relay.egress" -}}
- ports: # DNS
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What pods that need Redis may also connect to. */}}
{{- define "callback-relay.redisEgress" -}}
- ports:
    {{- range .Values.networkPolicy.redisPorts }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{/* What pods that need AWS may also connect to. */}}
{{- define "callback-relay.awsEgress" -}}
- ports: # Step Functions, STS for IRSA, and the public URL
    - {port: 443, protocol: TCP}
{{- if .Values.aws.podIdentity }}
- to: # the agent of Pod Identity
    - ipBlock: {cidr: 169.254.170.23/32}
    - ipBlock: {cidr: "fd00:ec2::23/128"}
  ports:
    - {port: 80, protocol: TCP}
{{- end }}
{{- end -}}

{{/* All missing or contradictory values, in one message. */}}
{{- define "callback-relay.check" -}}
{{- $wrong := list -}}
{{- if not .Values.publicUrl -}}
{{- $wrong = append $wrong "publicUrl is missing: the address at which third parties reach the relay, such as https://relay.example.com" -}}
{{- end -}}
{{- if not .Values.aws.region -}}
{{- $wrong = append $wrong "aws.region is missing: the region of the state machines, such as eu-central-1" -}}
{{- end -}}
{{- if .Values.secret.existing -}}
{{- if or .Values.secret.keys .Values.secret.apiKeys .Values.secret.redisUrl -}}
{{- $wrong = append $wrong "secret.existing is set, and so are other values of secret; keep one or the other" -}}
{{- end -}}
{{- else if not (and .Values.secret.keys .Values.secret.apiKeys .Values.secret.redisUrl) -}}
{{- $wrong = append $wrong "secret.existing is missing: the name of a Secret with the entries keys, api-keys and redis-url; or give secret.keys, secret.apiKeys and secret.redisUrl" -}}
{{- end -}}
{{- if and .Values.configSecrets (not .Values.config) -}}
{{- $wrong = append $wrong "configSecrets is set, and config, which refers to them, is empty" -}}
{{- end -}}
{{- if and .Values.aws.roleArn .Values.aws.podIdentity -}}
{{- $wrong = append $wrong "aws.roleArn is for IRSA and aws.podIdentity for Pod Identity; give one of them" -}}
{{- end -}}
{{- if and .Values.aws.roleArn (not .Values.serviceAccount.create) -}}
{{- $wrong = append $wrong "aws.roleArn is set, but this chart does not create the service account; annotate yours, and leave aws.roleArn empty" -}}
{{- end -}}
{{- if and .Values.gateway.enabled (not .Values.gateway.parentRefs) -}}
{{- $wrong = append $wrong "gateway.parentRefs is missing: the gateways for the route" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- $wrong = append $wrong "autoscaling.minReplicas is above maxReplicas" -}}
{{- end -}}
{{- if $wrong -}}
{{- printf "\n\n  - %s\n" (join "\n  - " $wrong) | fail -}}
{{- end -}}
{{- end -}}
