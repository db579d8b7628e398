"""Use-case cards: for a purpose the model task, the measure, the margin and what guards it."""
