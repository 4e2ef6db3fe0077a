"""A page is shown."""

from jinja2 import Environment
from markupsafe import Markup

ENVIRONMENT = Environment(autoescape=True)


def render(name):
    """Return the page of a customer."""
    return ENVIRONMENT.from_string("<h1>{{ name }}</h1>{{ foot }}").render(name=name, foot=Markup("<hr>"))
