{{- /* What a pattern in the schema would refuse without saying what to do. Each takes [place, value, …]. */}}
{{- define "slmworks.checkDigest" -}}
{{- $place := index . 0 }}
{{- $digest := index . 1 }}
{{- if and $digest (not (regexMatch "^sha256:[0-9a-f]{64}$" $digest)) }}
{{- if regexMatch "^(sha256:)?[0-9a-f]{6,63}$" $digest }}
{{- fail (printf "%s: '%s' is a short digest. %s." $place $digest (index . 2)) }}
{{- else if regexMatch "^[0-9a-f]{64}$" $digest }}
{{- fail (printf "%s: '%s' lacks what it was made with. Write sha256:%s." $place $digest $digest) }}
{{- else }}
{{- fail (printf "%s: '%s' is no digest. %s." $place $digest (index . 2)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "slmworks.checkImage" -}}
{{- $place := index . 0 }}
{{- $image := index . 1 }}
{{- include "slmworks.checkDigest" (list (printf "%s.digest" $place) $image.digest "The registry says the long one, sha256: and 64 digits (docker images --digests)") }}
{{- if eq $image.tag "latest" }}
{{- fail (printf "%s.tag: 'latest' is another image tomorrow, and no rollback would bring today's back. Name a version, such as %s, or %s.digest." $place (ternary "3.17.2" "0.1.0" (eq $place "mlflow.image")) $place) }}
{{- end }}
{{- if and $image.tag (not (regexMatch "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" $image.tag)) }}
{{- fail (printf "%s.tag: '%s' is no tag: letters, digits, dots, dashes and underscores, at most 128." $place $image.tag) }}
{{- end }}
{{- end }}

{{- define "slmworks.checkLabels" -}}
{{- range $name, $value := index . 1 }}
{{- if regexMatch "^(app[.]kubernetes[.]io/(name|instance|component|version|managed-by)|helm[.]sh/chart)$" $name }}
{{- fail (printf "%s: %s is the chart's own, and Services find pods by such labels. Take another name." (index $ 0) $name) }}
{{- end }}
{{- end }}
{{- end }}
