"""The daemon: its start and end, its parts, and the programs that act on its data root."""
