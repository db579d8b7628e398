"""The linear model among a model task's trivial baselines: words or numbers, weighted and added up.

A model task that fits one calls it so, or says in `ModelTask.linear` what it calls it.
"""

LINEAR = "tf-idf + linear"
