"""What the model is held against: machines that really do the work, one step after the other."""
