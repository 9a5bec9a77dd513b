"""A feature that there is not: notes on apps. It shows what one touches: this folder, and the list of features."""
