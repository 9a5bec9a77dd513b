"""Commands of `paas.access`."""
