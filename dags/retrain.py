"""Every week: a challenger for the champion, if there is new data. Yours lies where the recipe says."""

from pathlib import Path

from slmworks.engines.airflow import deploy, render

RECIPE = Path(__file__).parents[1] / "pipelines" / "intent-classifier.yaml"
dag = render(RECIPE, dag_id="retrain", schedule="@weekly", new_data_only=True)
deploy_dag = deploy(RECIPE)
