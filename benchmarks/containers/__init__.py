"""The image against the same image with awslambdaric: ``scripts/image PYTHON bench``."""
