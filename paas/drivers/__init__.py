"""Effects on the outside world: one module per outside thing, and it alone imports it."""
