"""Jobs: changes of apps, their locks, output and events, and the context they work with."""
