"""Airflow 3: a recipe as DAGs, with a person's approval that holds no worker. See docs/airflow.md.

    from slmworks.engines.airflow import deploy, render

    dag = render("pipelines/first-run.yaml", schedule="@weekly")
    deploy_dag = deploy("pipelines/first-run.yaml")

What a scheduler parses imports no library of machine learning, no MLflow and no Kubeflow.
"""

from slmworks.engines.airflow.dags import arrived, deploy, render

__all__ = ["arrived", "deploy", "render"]
