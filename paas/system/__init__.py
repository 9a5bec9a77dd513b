"""This machine: files, clocks, processes, sockets."""
