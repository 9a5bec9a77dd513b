"""Docker Engine on this host."""
