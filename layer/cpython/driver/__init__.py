"""Compile CPython for AWS Lambda, from source, for old glibc, and freeze the runtime into it: `layer/cpython/build`."""
