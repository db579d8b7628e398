"""Runs and versions beside one another: what differs in how they were made, and in what they answer."""
