"""A model task of a stranger: the sentence of a context that answers a question."""
