"""Containers and images as values."""
