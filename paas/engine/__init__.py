"""The use-cases: load, decide, act, record."""
