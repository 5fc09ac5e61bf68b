"""Timbre's own small model: its networks, its data, its training. Plain PyTorch, 1.13 or newer."""
