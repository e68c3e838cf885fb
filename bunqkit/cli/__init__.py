"""The commands and the magics: parse, call, print."""
