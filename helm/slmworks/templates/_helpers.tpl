{{- define "slmworks.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- /* An image by digest or tag. Takes [image, default tag]. */}}
{{- define "slmworks.image" -}}
{{- $image := index . 0 -}}
{{ $image.repository }}{{ with $image.digest }}@{{ . }}{{ else }}:{{ default (index . 1) $image.tag }}{{ end }}
{{- end }}

{{- define "slmworks.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "slmworks.account" -}}
{{- default (ternary (include "slmworks.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "slmworks.pipelines" -}}
{{- default (printf "%s-pipelines" (include "slmworks.fullname" .)) .Values.pipelines.name }}
{{- end }}

{{- /* The Service that answers; KServe makes its own. */}}
{{- define "slmworks.service" -}}
{{- $name := include "slmworks.fullname" . }}
{{- ternary (printf "%s-predictor" $name) $name (eq .Values.serving.kind "InferenceService") }}
{{- end }}
