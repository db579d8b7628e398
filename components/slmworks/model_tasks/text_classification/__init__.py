"""`text-classification`: one label a text."""
