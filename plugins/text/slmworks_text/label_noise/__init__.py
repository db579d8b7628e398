"""Labels that are probably wrong, found by confident learning; ranked for a person, never dropped silently.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021): a row is
judged by a model that was not trained on it, against the confidence that is usual for each label.
"""
