"""Commands of `paas.sources`."""
