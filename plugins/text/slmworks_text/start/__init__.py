"""A first recipe from a file, and a look at data before training."""
