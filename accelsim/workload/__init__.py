"""What is computed: ops with their loops and projections, the network graph, and networks written in YAML."""
