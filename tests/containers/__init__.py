"""The image and the layer as they run: in containers, with no network and a small function's share of a CPU.

`scripts/image` and `scripts/layer-run` make what these tests need and start them.
"""
