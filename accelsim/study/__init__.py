"""Studies: the YAML spec, the runner, the store."""
