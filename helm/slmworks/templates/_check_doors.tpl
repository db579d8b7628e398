{{- /* Ways in: an Ingress, a route, Prometheus. */}}
{{- define "slmworks.checkDoors" -}}
{{- range $door := list "ingress" "httpRoute" }}
{{- if (index $.Values $door).enabled }}
{{- if ne $.Values.serving.kind "Deployment" }}
{{- fail (printf "%s.enabled: KServe makes the way in of an InferenceService itself. Leave it off, or set serving.kind to Deployment." $door) }}
{{- end }}
{{- if not $.Values.serving.metricsPort }}
{{- fail (printf "%s.enabled: /metrics and the digests would be public. Set serving.metricsPort, such as 9000: they are there then, and nowhere else." $door) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.ingress.enabled }}
{{- $_ := required "ingress.host: needed for an Ingress. Name the host that people ask, such as reviews.example." .Values.ingress.host }}
{{- end }}
{{- if .Values.httpRoute.enabled }}
{{- $_ := required "httpRoute.parentRefs: needed for a route. Name your Gateway: [{name: public, namespace: gateways}]." (first .Values.httpRoute.parentRefs) }}
{{- $_ := required "httpRoute.hostnames: needed for a route. Name the hosts that people ask, such as [reviews.example]." (first .Values.httpRoute.hostnames) }}
{{- end }}
{{- if and .Values.ingress.enabled .Values.httpRoute.enabled (ne .Values.ingress.path .Values.httpRoute.path) }}
{{- fail (printf "httpRoute.path: the server is shown below one path, and ingress.path is %s. Give both the same." .Values.ingress.path) }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled .Values.serving.tokens.secretName (not .Values.serving.metricsPort) }}
{{- fail "monitoring.serviceMonitor.enabled: the server asks Prometheus for a token. Set serving.metricsPort, such as 9000: metrics are there then, without a token." }}
{{- end }}
{{- if and .Values.monitoring.prometheusRule.enabled (not .Values.monitoring.serviceMonitor.enabled) }}
{{- fail "monitoring.prometheusRule.enabled: the alerts are about what the chart's ServiceMonitor scrapes. Set monitoring.serviceMonitor.enabled too." }}
{{- end }}
{{- end }}
