"""Pure logic of certificates: validity, choice, ACME schedule."""
