"""Pure logic of the edge: hosts, rules, options, TLS."""
