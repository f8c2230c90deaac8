"""What computes: memory levels, the array and its engine, technology tables, and templates written in YAML."""
