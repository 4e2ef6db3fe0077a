"""Where routes are registered."""

ROUTES = {}


def route(name):
    """Register a function as the route *name*."""

    def register(function):
        ROUTES[name] = function
        return function

    return register
