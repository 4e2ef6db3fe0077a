"""A regression guard by counts: what a start and a warm invocation take, against what was recorded."""
