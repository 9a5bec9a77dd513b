"""From the words of a command to its handler, and everything generated from the declarations."""
