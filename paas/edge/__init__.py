"""What the proxy serves of an app: domains, redirects, rules, ports."""
