"""Kubernetes: a promotion rolls what serves, and an approval that is missing rolls nothing."""
