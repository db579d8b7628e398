{{- /* Names that MLflow answers to, with and without its port; it refuses every other Host header. */}}
{{- define "slmworks.mlflowHosts" -}}
{{- $name := printf "%s-mlflow.%s" (include "slmworks.fullname" .) .Release.Namespace }}
{{- $hosts := list }}
{{- range list (printf "%s-mlflow" (include "slmworks.fullname" .)) $name (printf "%s.svc" $name) (printf "%s.svc.cluster.local" $name) }}
{{- $hosts = concat $hosts (list . (printf "%s:%v" . $.Values.mlflow.port)) }}
{{- end }}
{{- concat $hosts .Values.mlflow.allowedHosts | join "," }}
{{- end }}

{{- /* Its environment. Secrets by reference only. */}}
{{- define "slmworks.mlflowEnv" -}}
- {name: HOME, value: /tmp}
- {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
# In the environment, for an address that holds a password must not stand on a command line.
- name: MLFLOW_BACKEND_STORE_URI
  {{- if .Values.mlflow.database.secretName }}
  valueFrom: {secretKeyRef: {name: {{ .Values.mlflow.database.secretName }}, key: {{ .Values.mlflow.database.key }}}}
  {{- else }}
  value: sqlite:////data/mlflow.db
  {{- end }}
{{- with .Values.mlflow.artifacts.region }}
- {name: AWS_DEFAULT_REGION, value: {{ . | quote }}}
{{- end }}
{{- with .Values.mlflow.artifacts.endpoint }}
- {name: MLFLOW_S3_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.mlflow.auth }}
{{- if .secretName }}
- {name: MLFLOW_AUTH_CONFIG_PATH, value: /etc/mlflow/basic_auth.ini}
- name: MLFLOW_FLASK_SERVER_SECRET_KEY
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .sessionKey }}}}
{{- end }}
{{- end }}
{{- end }}
