"""What Python programs and notebooks call: run a recipe, list runs, load an approved model."""
