"""Airflow 3: a recipe as DAGs, with an approval that occupies no worker. See docs/airflow.md.

    from slmworks.engines.airflow import deploy, render

    RECIPE = Path(__file__).parents[1] / "pipelines" / "first-run.yaml"
    dag = render(RECIPE, schedule="@weekly")
    deploy_dag = deploy(RECIPE)

Parsing a DAG imports no library of machine learning, no MLflow and no Kubeflow.
"""

from slmworks.engines.airflow.dags import arrived, deploy, render

__all__ = ["arrived", "deploy", "render"]
