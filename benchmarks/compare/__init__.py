"""What became slower: the pieces of this tree and of an older commit, side by side in one run.

`python -m benchmarks.compare [COMMIT]`, or `make bench-compare BASE=COMMIT`.
"""
