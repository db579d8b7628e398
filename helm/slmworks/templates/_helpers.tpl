{{- define "slmworks.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- /* What a Service, a policy and a Deployment recognise pods by. Takes [root, component]. */}}
{{- define "slmworks.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- /* Labels of an object. Takes [root, component]. */}}
{{- define "slmworks.labels" -}}
{{- $root := index . 0 -}}
{{ include "slmworks.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* An image by digest or tag. Takes [image, default tag]. */}}
{{- define "slmworks.image" -}}
{{- $image := index . 0 -}}
{{ $image.repository }}{{ with $image.digest }}@{{ . }}{{ else }}:{{ default (index . 1) $image.tag }}{{ end }}
{{- end }}

{{- define "slmworks.account" -}}
{{- default (ternary (include "slmworks.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "slmworks.pipelines" -}}
{{- default (printf "%s-pipelines" (include "slmworks.fullname" .)) .Values.pipelines.name }}
{{- end }}

{{- /* The same for every container here: no user but an ordinary one, no file of the image, no capability. */}}
{{- define "slmworks.locked" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
