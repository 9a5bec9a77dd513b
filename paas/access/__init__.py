"""Keys, tokens, and credentials for other servers."""
