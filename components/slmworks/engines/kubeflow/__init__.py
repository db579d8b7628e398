"""Kubeflow Pipelines: a plan as a KFP v2 pipeline of container components, and runs of it.

Knows no plugin and no model. Kubeflow's artifacts are manifests; the bytes stay in the store. The modules
of a pod (`pod_task`, `entry`, `outputs`, `runs`) need no `kfp`.
"""
