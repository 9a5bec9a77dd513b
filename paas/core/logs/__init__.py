"""Pure logic of logs: lines, queries, formats, positions."""
