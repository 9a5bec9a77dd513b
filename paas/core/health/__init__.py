"""Pure logic of health checks: their definition, results and diagnosis."""
