"""Layers, built and verified by the command itself."""
