"""The ways of turning a commit into an image."""
