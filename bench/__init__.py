"""Benchmarks: this platform beside what a person would write by hand, in one run. See `docs/benchmarks.md`."""
