"""The tests of the local half."""
