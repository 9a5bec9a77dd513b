"""Commands of `paas.builders`."""
