"""The libraries that people run on Lambda, as they are: under awslambdaric and under us."""
