"""Decisions about code that is not pushed: archives and images."""
