"""The logs of apps."""
