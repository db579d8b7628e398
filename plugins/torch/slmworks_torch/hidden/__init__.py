"""Distillation of what a teacher computes between its layers: hidden states and attention relations."""
