"""Pure logic of access: callers, tokens, credentials."""
