"""Certificates: uploaded, generated, or ordered from an ACME authority."""
