"""The loops of a node, and everything between the engine's process and user code."""
