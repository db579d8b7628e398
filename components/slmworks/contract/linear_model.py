"""The linear model among a model task's trivial baselines: by its name a gate knows it.

A model task that fits one (words or numbers, weighted and added up) calls it so.
"""

LINEAR = "tf-idf + linear"
