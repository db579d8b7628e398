"""Pages of DAGs and tasks in Airflow: what a recipe says is shown, and none of it is live. Needs no Airflow."""

from rendered import Page
from slmworks.engines.airflow.docs import dag_page, task_page
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

RECIPE = """\
name: reviews
description: "# Big [x](http://e.example) <b>\\n\\n![y](http://e.example/i.png)"
steps:
  raw: {stage: fetch, from: {all: data.csv}}
# ```
# ![z](http://e.example/i.png)
"""


def test_descriptions_and_recipes_are_text(tmp_path):
    (tmp_path / "data.csv").write_text("rows")
    recipe = tmp_path / "reviews.yaml"
    recipe.write_text(RECIPE)
    planned = plan(Recipe.read(recipe))
    page = Page(dag_page(planned, paused=True))
    assert "It reads data.csv in the recipe's folder on the worker's machine. It begins paused" in page.text
    assert {"a", "img", "b", "h1"} & set(page.tags) == set()
    assert "It reads" not in Page(dag_page(planned, when="Behind an approval.")).text
    assert "# Big [x](http://e.example) <b> ![y](http://e.example/i.png)" in page.text
    assert RECIPE.rstrip() in page.text
    assert Page(task_page(next(iter(planned)))).tags.count("pre") == 1
