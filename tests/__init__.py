"""The tests: `make test`, `make test-all`."""
