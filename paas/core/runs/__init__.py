"""Pure logic of one-off containers."""
