"""`token-classification`: the entities of a text, or a class for every word."""
