"""The checks themselves, one module per group. `catalogue` puts them together."""
