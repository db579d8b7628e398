"""Kubeflow Pipelines: a plan as a KFP v2 pipeline of container components, and runs of it.

Knows no plugin and no model. What travels through Kubeflow are manifests: an artifact's URI is one, and the
bytes that it stands for stay in the store. What a pod imports (`pod_task`, `entry`, `shown`, `runs`) needs no
`kfp`.
"""
