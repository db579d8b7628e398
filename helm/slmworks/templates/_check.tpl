{{- /* What the schema can't say: values that are needed only where something is switched on. */}}
{{- define "slmworks.check" -}}
{{- include "slmworks.checkImage" (list "image" .Values.image) }}
{{- include "slmworks.checkImage" (list "mlflow.image" .Values.mlflow.image) }}
{{- include "slmworks.checkLabels" (list "commonLabels" .Values.commonLabels) }}
{{- include "slmworks.checkLabels" (list "serving.podLabels" .Values.serving.podLabels) }}
{{- include "slmworks.checkVariables" (list "serving.extraEnv" .Values.serving.extraEnv) }}
{{- include "slmworks.checkVariables" (list "serving.pullExtraEnv" (concat .Values.serving.extraEnv .Values.serving.pullExtraEnv)) }}
{{- include "slmworks.checkVariables" (list "mlflow.extraEnv" .Values.mlflow.extraEnv) }}
{{- include "slmworks.checkMounts" (list "serving" .Values.serving (list "release" "tmp" "store" "tokens") (list "/release" "/tmp" .Values.store.claim.path "/tokens")) }}
{{- include "slmworks.checkMounts" (list "mlflow" .Values.mlflow (list "tmp" "data" "auth") (list "/tmp" "/data" "/etc/mlflow")) }}
{{- if .Values.serving.enabled }}
{{- include "slmworks.checkDoors" . }}
{{- $_ := required "model.name: needed for serving. Name the model as it is registered." .Values.model.name }}
{{- $_ := required "model.digest: needed for serving. `slmworks models NAME` says the champion's." .Values.model.digest }}
{{- include "slmworks.checkDigest" (list "model.digest" .Values.model.digest (printf "`slmworks models %s` prints the long one, sha256: and 64 digits" .Values.model.name)) }}
{{- $_ := required "store.url: needed for serving. Say where the release is, such as s3://bucket/prefix." .Values.store.url }}
{{- if hasPrefix "/" .Values.store.url }}
{{- $_ := required "store.claim.name: needed for a store in a folder. Name the claim that holds it, or give store.url a bucket." .Values.store.claim.name }}
{{- if not (hasPrefix .Values.store.claim.path .Values.store.url) }}
{{- fail (printf "store.url: outside of store.claim.path. Give a folder below %s." .Values.store.claim.path) }}
{{- end }}
{{- end }}
{{- if has (int .Values.serving.metricsPort) (list 8000 (int .Values.service.port)) }}
{{- fail (printf "serving.metricsPort: %d is the server's own port, or its Service's. Take another, such as 9000." (int .Values.serving.metricsPort)) }}
{{- end }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
{{- fail "autoscaling.minReplicas: more than maxReplicas. Lower it." }}
{{- end }}
{{- end }}
{{- if .Values.mlflow.enabled }}
{{- $_ := required "mlflow.image.repository: needed for MLflow. Name an image with MLflow and your drivers." .Values.mlflow.image.repository }}
{{- $_ := required "mlflow.image.tag: needed for MLflow. Name a tag or a digest." (coalesce .Values.mlflow.image.digest .Values.mlflow.image.tag) }}
{{- if not (or .Values.mlflow.persistence.enabled (and .Values.mlflow.database.secretName .Values.mlflow.artifacts.destination)) }}
{{- fail "mlflow.persistence.enabled: needed, as mlflow.database.secretName or mlflow.artifacts.destination is empty. Set both, or switch it on." }}
{{- end }}
{{- end }}
{{- end }}
