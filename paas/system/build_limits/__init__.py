"""Limits of CPU and memory for builds. Remove it once the oldest supported Docker Engine is 23.0: that takes
--cgroup-parent."""
