{{- /* Port of an address: the one that it names, or its scheme's; empty where neither says it. */}}
{{- define "slmworks.port" -}}
{{- $named := regexFind ":[0-9]+$" (regexReplaceAll "/.*$" (regexReplaceAll "^[a-z0-9+.-]+://" . "") "") | trimPrefix ":" }}
{{- if $named }}{{ $named }}{{ else if hasPrefix "https://" . }}443{{ else if hasPrefix "http://" . }}80{{ end }}
{{- end }}

{{- /* Ports at which the init step reaches the store, as JSON: those of values, or those of the endpoint and of proxies. */}}
{{- define "slmworks.storePorts" -}}
{{- $said := .Values.networkPolicy.egress.store.ports }}
{{- $needed := dict }}
{{- with .Values.store.endpoint }}
{{- $_ := set $needed (include "slmworks.port" .) "store.endpoint" }}
{{- end }}
{{- range concat .Values.serving.extraEnv .Values.serving.pullExtraEnv }}
{{- $proxy := regexMatch "(?i)^(https?|all)_proxy$" .name }}
{{- if or $proxy (regexMatch "^AWS_ENDPOINT_URL" .name) }}
{{- $port := include "slmworks.port" (default "" .value) }}
{{- if and $port (or (not $proxy) (regexMatch ":[0-9]+/?$" (default "" .value))) }}
{{- $_ := set $needed $port .name }}
{{- else if not $said }}
{{- fail (printf "networkPolicy.egress.store.ports: empty, and %s doesn't say its port. Name all ports that the init step needs, such as [443, 3128]." .name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (not .Values.store.endpoint) (not $said) }}
{{- $_ := set $needed "443" "store.url" }}
{{- end }}
{{- default (keys $needed | sortAlpha) $said | toJson }}
{{- end }}

{{- /* The path below which the server is shown from outside; empty: at the top. */}}
{{- define "slmworks.prefix" -}}
{{- if .Values.ingress.enabled }}
{{- trimSuffix "/" .Values.ingress.path }}
{{- else if .Values.httpRoute.enabled }}
{{- trimSuffix "/" .Values.httpRoute.path }}
{{- end }}
{{- end }}
