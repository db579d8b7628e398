"""Where a plan runs. Each engine is a short loop over `slmworks.recipe.plan.Plan`."""
