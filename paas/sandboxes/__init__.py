"""Sandboxes: disposable machines with a lifetime."""
