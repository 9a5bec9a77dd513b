"""Where code comes from: pushes, archives, images, other git servers."""
