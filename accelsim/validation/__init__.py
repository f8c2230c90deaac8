"""The model held against other tools and against chips."""
