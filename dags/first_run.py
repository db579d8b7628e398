"""The first recipe: reviews, from packages to an approved model, and its deployment once it is approved."""

from pathlib import Path

from slmworks.engines.airflow import deploy, render

RECIPE = Path(__file__).parents[1] / "pipelines" / "first-run.yaml"
dag = render(RECIPE)
deploy_dag = deploy(RECIPE, follows=dag)
