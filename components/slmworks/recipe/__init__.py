"""From a recipe's file to a plan of tasks."""
