"""Programs whose speed Timbre's is compared with, each in its own interpreter: bench/network."""
