"""The durable truth, split by noun. `Store` is the door; SQL is spoken nowhere else."""
