"""Apps: their life, configuration, processes, properties and locks."""
