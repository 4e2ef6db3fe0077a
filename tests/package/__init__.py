"""Tests of `rapid package`."""
