"""Compile CPython for AWS Lambda, for old glibc, and freeze the runtime into it: `layer/cpython/build`."""
