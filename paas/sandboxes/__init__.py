"""Sandboxes: disposable machines with a limited lifetime."""
