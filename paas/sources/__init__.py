"""Sources of code: pushes, archives, images, other git servers."""
