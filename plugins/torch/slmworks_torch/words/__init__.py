"""Training for model tasks whose answers are made of words."""
