"""The grammar of commands: declaration, parsing, arguments, results."""
