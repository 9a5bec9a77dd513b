"""Commands of `paas.releases`."""
