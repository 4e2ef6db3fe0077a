"""A package that nobody has installed: the function fails at its start, packaged or not."""

import not_installed_anywhere


def handler(event, context):
    """Never comes here."""
    return not_installed_anywhere.answer
