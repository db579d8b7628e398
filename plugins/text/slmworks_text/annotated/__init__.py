"""Curation of texts with marked parts: entities, or the answers to a question."""
