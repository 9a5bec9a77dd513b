"""The ways of running the processes of a release."""
