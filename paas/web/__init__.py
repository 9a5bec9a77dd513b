"""The dashboard and the HTTP API: a process of its own, which holds no rights and asks the daemon for everything."""
