"""Statistics and how numbers are written; nothing here imports another room."""
