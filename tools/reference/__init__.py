"""Models and vectors that come from diffusers: see run."""
