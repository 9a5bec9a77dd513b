"""The server itself: resources, cleanup, doctor, reconciliation."""
