"""Access: SSH keys and tokens of users, and credentials for other servers."""
