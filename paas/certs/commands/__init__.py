"""Commands of `paas.certs`."""
