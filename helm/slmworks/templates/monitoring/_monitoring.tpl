{{- /* What is scraped of each pod. */}}
{{- define "slmworks.scrape" -}}
port: {{ ternary "metrics" "http" (not (empty .Values.serving.metricsPort)) }}
path: /metrics
interval: {{ .Values.monitoring.serviceMonitor.interval }}
{{- end }}

{{- /* Labels that the pods' series have in Prometheus: the operator names a job after the Service, or after namespace and PodMonitor. */}}
{{- define "slmworks.series" -}}
{{- $name := include "slmworks.fullname" . }}
{{- $job := ternary (printf "%s/%s" .Release.Namespace $name) $name (eq .Values.serving.kind "InferenceService") -}}
namespace="{{ .Release.Namespace }}",job="{{ $job }}"
{{- end }}

{{- /* Labels of an alert. Takes [root, severity]; those in values outweigh them. */}}
{{- define "slmworks.alertLabels" -}}
{{- $root := index . 0 }}
{{- $labels := dict "severity" (index . 1) "model" $root.Values.model.name "namespace" $root.Release.Namespace }}
{{- range $name, $value := $root.Values.monitoring.prometheusRule.alertLabels }}
{{- $_ := set $labels $name $value }}
{{- end }}
{{- toYaml $labels }}
{{- end }}
