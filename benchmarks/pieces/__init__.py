"""The pieces of the hot path, each timed alone by pytest-benchmark: `python -m pytest benchmarks/pieces`.

A piece touches the runtime through one adapter, as near to a stable surface as can be, since
`benchmarks.compare` runs these files on older trees too. What a tree does not have is skipped there.
"""
