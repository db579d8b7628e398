{{- /* What a Service, a policy and a Deployment recognise pods by. Takes [root, component]. */}}
{{- define "slmworks.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- /* Labels of an object. Takes [root, component], and further labels. */}}
{{- define "slmworks.labels" -}}
{{- $root := index . 0 -}}
{{ include "slmworks.selector" (list $root (index . 1)) }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- include "slmworks.moreLabels" . }}
{{- end }}

{{- /* Labels of a pod: the chart's version isn't among them, for an upgrade of the chart alone rolls no pods. Takes the same. */}}
{{- define "slmworks.podLabels" -}}
{{ include "slmworks.selector" (list (index . 0) (index . 1)) }}
{{- include "slmworks.moreLabels" . }}
{{- end }}

{{- define "slmworks.moreLabels" -}}
{{- $more := deepCopy (index . 0).Values.commonLabels }}
{{- if gt (len .) 2 }}
{{- range $name, $value := index . 2 }}
{{- $_ := set $more $name $value }}
{{- end }}
{{- end }}
{{- with $more }}
{{ toYaml . }}
{{- end }}
{{- end }}
