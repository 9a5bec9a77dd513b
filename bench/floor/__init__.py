"""The floor: the same things by hand, as a good administrator would write them."""
