"""A private nginx."""
