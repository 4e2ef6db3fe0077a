"""Benchmarks: every client of the Lambda Runtime API as a whole process, in one run, on the same events.

``python -m benchmarks`` runs them all; ``python -m benchmarks --help`` says how to run fewer.
Nothing here ships.
"""
