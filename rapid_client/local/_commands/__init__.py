"""The sub-commands of `rapid`, one module each."""
