"""The work items, in the order of the table."""
