"""Tests of `rapid profile`."""
