"""Every verb once, one file a noun, and the catalogue. The faces enter the engine here and nowhere else."""
