{{- /* Variables of values beside the chart's own. Takes [place, variables]. */}}
{{- define "slmworks.checkVariables" -}}
{{- $place := index . 0 }}
{{- $seen := dict }}
{{- $ours := dict "MODEL_DIGEST" "model.digest" "SLMWORKS_TRUSTED_KEYS" "model.trustedKeys" "AWS_REGION" "store.region" "AWS_ENDPOINT_URL" "store.endpoint" "AWS_ACCESS_KEY_ID" "store.credentials" "AWS_SECRET_ACCESS_KEY" "store.credentials" "AWS_SESSION_TOKEN" "store.credentials" }}
{{- if hasPrefix "mlflow" $place }}
{{- $ours = dict "MLFLOW_BACKEND_STORE_URI" "mlflow.database" "MLFLOW_S3_ENDPOINT_URL" "mlflow.artifacts.endpoint" "MLFLOW_AUTH_CONFIG_PATH" "mlflow.auth" "MLFLOW_FLASK_SERVER_SECRET_KEY" "mlflow.auth" "HOME" "the chart to /tmp" "MLFLOW_DISABLE_TELEMETRY" "the chart to true" "AWS_DEFAULT_REGION" "mlflow.artifacts.region" }}
{{- end }}
{{- range index . 1 }}
{{- if hasKey $ours .name }}
{{- fail (printf "%s: %s is set by %s. Leave it out here." $place .name (get $ours .name)) }}
{{- end }}
{{- if hasKey $seen .name }}
{{- fail (printf "%s: %s stands there twice. Keep one." $place .name) }}
{{- end }}
{{- $_ := set $seen .name true }}
{{- if and (eq .name "AWS_CA_BUNDLE") (hasPrefix "serving" $place) }}
{{- fail (printf "%s: AWS_CA_BUNDLE is not read by the store's client. Write SSL_CERT_FILE instead." $place) }}
{{- end }}
{{- if eq (hasKey . "value") (hasKey . "valueFrom") }}
{{- fail (printf "%s: %s needs either value or valueFrom." $place .name) }}
{{- end }}
{{- if and (hasKey . "value") (or (regexMatch "(?i)(^|[_.-])(token|secret|password|passwd|pwd|credentials?|pat|api_?key|access_?key|secret_?key)([_.-]|$)" .name) (regexMatch "://[^/[:space:]]*@" .value)) }}
{{- fail (printf "%s: %s would stand in the cluster for all to read. Put it into a Secret, and name that: {name: %s, valueFrom: {secretKeyRef: {name: …, key: …}}}." $place .name .name) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Volumes and mounts of values beside the chart's own. Takes [place, values, names, paths]. */}}
{{- define "slmworks.checkMounts" -}}
{{- $place := index . 0 }}
{{- $there := dict }}
{{- range (index . 1).extraVolumes }}
{{- if has .name (index $ 2) }}
{{- fail (printf "%s.extraVolumes: '%s' is the name of a volume of the chart's. Take another." $place .name) }}
{{- end }}
{{- $_ := set $there .name true }}
{{- end }}
{{- range (index . 1).extraVolumeMounts }}
{{- if not (hasKey $there .name) }}
{{- fail (printf "%s.extraVolumeMounts: no volume '%s' in %s.extraVolumes. Add it there." $place .name $place) }}
{{- end }}
{{- if has (trimSuffix "/" .mountPath) (index $ 3) }}
{{- fail (printf "%s.extraVolumeMounts: at %s the chart mounts a volume of its own. Take another path." $place .mountPath) }}
{{- end }}
{{- end }}
{{- end }}
