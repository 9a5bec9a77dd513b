"""Commands of `paas.apps`."""
