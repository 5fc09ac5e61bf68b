"""The checks of `make lint`: one module per rule, each with `check(tree) -> list of violations`."""
