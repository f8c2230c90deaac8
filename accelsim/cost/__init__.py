"""What a mapping costs: traffic, compute cycles, latency, energy, area. Pure functions, arrays in and arrays out."""
