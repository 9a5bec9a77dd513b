"""Commands of `paas.edge`."""
