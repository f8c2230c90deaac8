"""A layer's figures as sums that a person can redo by hand."""
