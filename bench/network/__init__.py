"""The neural engine beside its peers, in one run: one table, one CSV file, the promises."""
