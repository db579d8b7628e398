"""Every week: a challenger for the champion of the first recipe, if there is new data to train it on."""

from pathlib import Path

from slmworks.engines.airflow import render

RECIPE = Path(__file__).parents[1] / "pipelines" / "first-run.yaml"
dag = render(RECIPE, dag_id="retrain", schedule="@weekly", new_data_only=True)
