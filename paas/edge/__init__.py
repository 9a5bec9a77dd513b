"""The edge: domains, redirects, rules and ports of apps, and how they are published to the proxy."""
