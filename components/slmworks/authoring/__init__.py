"""For plugin authors: the conformance suite, skeletons of plugins, and the reference of options."""
