"""Reading the user's files: YAML with line numbers, expressions, the base of every spec, and where files are found."""
