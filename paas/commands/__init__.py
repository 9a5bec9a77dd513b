"""One file per command namespace: a declaration and a few lines that call the engine."""
