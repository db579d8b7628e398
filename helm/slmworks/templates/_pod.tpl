{{- /* The pod that serves, the same in a Deployment and in an InferenceService. Takes [root, server's name]. */}}
{{- define "slmworks.pod" -}}
{{- $root := index . 0 }}
{{- $serving := $root.Values.serving }}
{{- $image := include "slmworks.image" (list $root.Values.image $root.Chart.AppVersion) -}}
serviceAccountName: {{ include "slmworks.account" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ add $serving.drain $serving.grace 5 }}
securityContext:
  {{- include "slmworks.podSecurity" (list $root.Values.podSecurityContext) | trim | nindent 2 }}
{{- include "slmworks.pullSecrets" $root }}
initContainers:
  - name: pull
    image: {{ $image }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [slmworks, pull]
    args: [{{ $root.Values.model.name | quote }}, --digest, $(MODEL_DIGEST), --to, /release, --store, {{ $root.Values.store.url | quote }}]
    env:
      # The contract with `slmworks deploy` and `slmworks rollback`: the variable MODEL_DIGEST of the init container `pull`
      # is the one place that says which model is served. They patch it, and for people the pod's annotation
      # slmworks.dev/model-digest; both roll the pods.
      - name: MODEL_DIGEST
        value: {{ include "slmworks.digest" $root | quote }}
      {{- with include "slmworks.trustedKeys" $root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with include "slmworks.storeEnv" $root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with concat $serving.extraEnv $serving.pullExtraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    # A refusal is one line; it ends up in the pod's status, for whoever may not read logs.
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      {{- include "slmworks.locked" $root | nindent 6 }}
    resources:
      {{- toYaml $serving.pullResources | nindent 6 }}
    volumeMounts:
      - {name: release, mountPath: /release}
      - {name: tmp, mountPath: /tmp}
      {{- with $root.Values.store.claim.name }}
      - {name: store, mountPath: {{ $root.Values.store.claim.path }}, readOnly: true}
      {{- end }}
      {{- with $serving.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
containers:
  - name: {{ index . 1 }}
    image: {{ $image }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [slmworks, serve]
    args:
      - {{ $root.Values.model.name | quote }}
      - --from=/release
      - --host=0.0.0.0
      - --port=8000
      - --grace={{ $serving.grace }}
      - --allowed-hosts={{ include "slmworks.hosts" $root }}
      {{- if $serving.tokens.secretName }}
      - --token-file=/tokens/tokens
      {{- end }}
      {{- with $serving.metricsPort }}
      - --metrics-port={{ . }}
      {{- end }}
      {{- with include "slmworks.prefix" $root }}
      - --prefix={{ . }}
      {{- end }}
      {{- with $serving.threads }}
      - --threads={{ . }}
      {{- end }}
      {{- range $limit, $value := $serving.limits }}
      - --{{ kebabcase $limit }}={{ toJson $value }}
      {{- end }}
    {{- $keys := include "slmworks.trustedKeys" $root | trim }}
    {{- if or $keys $serving.extraEnv }}
    env:
      {{- with $keys }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with $serving.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- end }}
    ports:
      - {name: http, containerPort: 8000, protocol: TCP}
      {{- with $serving.metricsPort }}
      - {name: metrics, containerPort: {{ . }}, protocol: TCP}
      {{- end }}
    startupProbe:
      httpGet: {path: /ready, port: 8000}
      {{- toYaml $serving.probes.startup | nindent 6 }}
    readinessProbe:
      httpGet: {path: /ready, port: 8000}
      {{- toYaml $serving.probes.readiness | nindent 6 }}
    livenessProbe:
      httpGet: {path: /health, port: 8000}
      {{- toYaml $serving.probes.liveness | nindent 6 }}
    {{- if $serving.drain }}
    lifecycle:
      preStop:
        exec: {command: [sleep, {{ $serving.drain | quote }}]}
    {{- end }}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      {{- include "slmworks.locked" $root | nindent 6 }}
    resources:
      {{- toYaml $serving.resources | nindent 6 }}
    volumeMounts:
      - {name: release, mountPath: /release, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- if $serving.tokens.secretName }}
      - {name: tokens, mountPath: /tokens, readOnly: true}
      {{- end }}
      {{- with $serving.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: release
    emptyDir: {sizeLimit: {{ $serving.releaseSize }}}
  - name: tmp
    emptyDir: {sizeLimit: {{ $serving.tmpSize }}}
  {{- with $root.Values.store.claim.name }}
  - name: store
    persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
  {{- end }}
  {{- with $serving.tokens }}
  {{- if .secretName }}
  - name: tokens
    secret: {secretName: {{ .secretName }}, items: [{key: {{ .key }}, path: tokens}]}
  {{- end }}
  {{- end }}
  {{- with $serving.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $serving.spread }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ .maxSkew }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "slmworks.selector" (list $root "serve") | nindent 8 }}
    # Pods of one roll-out are spread among themselves, not around those that go.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- with $serving.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $serving.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $serving.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $serving.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* Whose signature an approval needs. Asked by both containers: the server hashes and checks again. */}}
{{- define "slmworks.trustedKeys" -}}
{{- with .Values.model.trustedKeys }}
- {name: SLMWORKS_TRUSTED_KEYS, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{- /* Names that the server is asked by, beside the pod's own address; it refuses every other Host header. */}}
{{- define "slmworks.hosts" -}}
{{- $name := include "slmworks.fullname" . }}
{{- $services := ternary (list $name (printf "%s-predictor" $name)) (list $name) (eq .Values.serving.kind "InferenceService") }}
{{- $hosts := list }}
{{- range $services }}
{{- $full := printf "%s.%s" . $.Release.Namespace }}
{{- $hosts = concat $hosts (list . $full (printf "%s.svc" $full) (printf "%s.svc.cluster.local" $full)) }}
{{- end }}
{{- if .Values.ingress.enabled }}
{{- $hosts = append $hosts .Values.ingress.host }}
{{- end }}
{{- if .Values.httpRoute.enabled }}
{{- $hosts = concat $hosts .Values.httpRoute.hostnames }}
{{- end }}
{{- concat $hosts .Values.serving.allowedHosts | uniq | join "," }}
{{- end }}

{{- /* How the init step reaches the store. Secrets by reference only. */}}
{{- define "slmworks.storeEnv" -}}
{{- with .Values.store.region }}
- {name: AWS_REGION, value: {{ . | quote }}}
{{- end }}
{{- with .Values.store.endpoint }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.store.credentials }}
{{- if .secretName }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .accessKeyId }}}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .secretAccessKey }}}}
{{- if .sessionToken }}
- name: AWS_SESSION_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .sessionToken }}}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
