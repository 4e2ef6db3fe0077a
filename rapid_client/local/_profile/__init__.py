"""`rapid profile`: where a function's cold start goes, measured in the real runtime."""
