"""The whole network on one accelerator: what stays on chip, what is fused, and the totals."""
