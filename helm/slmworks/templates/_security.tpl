{{- /* Security context of a pod. Takes mappings, of which later ones outweigh; what is null is left to the cluster. */}}
{{- define "slmworks.podSecurity" -}}
{{- $all := dict }}
{{- range . }}
{{- range $name, $value := . }}
{{- $_ := set $all $name $value }}
{{- end }}
{{- end }}
{{- range $name, $value := $all }}
{{- if not (kindIs "invalid" $value) }}
{{ $name }}: {{ toJson $value }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The same for every container here: no more rights than its process began with, no file of the image, no capability. */}}
{{- define "slmworks.locked" -}}
{{- include "slmworks.podSecurity" (list .Values.containerSecurityContext) | trim }}
{{- end }}
