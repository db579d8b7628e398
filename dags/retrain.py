"""Every week: a challenger for the champion, if there is new data.

It begins paused: put your texts where the recipe reads them (data/train.csv and data/test.csv
beside it), then unpause it.
"""

from pathlib import Path

from slmworks.engines.airflow import deploy, render

RECIPE = Path(__file__).parents[1] / "pipelines" / "intent-classifier.yaml"
dag = render(RECIPE, dag_id="retrain", schedule="@weekly", new_data_only=True, paused=True)
deploy_dag = deploy(RECIPE, follows=dag)
