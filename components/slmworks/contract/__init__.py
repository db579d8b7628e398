"""What a plugin author may rely on: artifacts, manifests, stages, options, errors."""
