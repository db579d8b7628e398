{{- /*
The digest to serve. `slmworks deploy` sets it on the live object, so an upgrade with values that say what they said
before must not take it back: what is live then stays. The object's annotation slmworks.dev/values-digest remembers what
the values said; a new value in them is meant, and used. Without a cluster (helm template, a dry run on the client, Argo CD)
`lookup` finds nothing, and the values decide.
*/}}
{{- define "slmworks.digest" -}}
{{- $said := .Values.model.digest }}
{{- $predictor := eq .Values.serving.kind "InferenceService" }}
{{- $version := ternary "serving.kserve.io/v1beta1" "apps/v1" $predictor }}
{{- $live := lookup $version .Values.serving.kind .Release.Namespace (include "slmworks.fullname" .) | default dict }}
{{- $digest := $said }}
{{- if eq $said (dig "metadata" "annotations" "slmworks.dev/values-digest" "" $live) }}
{{- $pod := ternary (dig "spec" "predictor" dict $live) (dig "spec" "template" "spec" dict $live) $predictor }}
{{- range $container := dig "initContainers" list $pod }}
{{- range $variable := dig "env" list $container }}
{{- if and (eq $container.name "pull") (eq $variable.name "MODEL_DIGEST") }}
{{- $digest = $variable.value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $digest }}
{{- end }}
