"""A page from templates that extend each other."""

from jinja2 import DictLoader, Environment, select_autoescape

PAGES = {
    "list.html": "{% extends 'base.html' %}{% block main %}{% for each in items %}{{ each|tojson }}"
    "{% endfor %}{{ name|title }}{% endblock %}",
    "base.html": "<p>{% block main %}{% endblock %}</p>",
}
ENVIRONMENT = Environment(loader=DictLoader(PAGES), autoescape=select_autoescape())


def handler(event, context):
    """Render the event."""
    return ENVIRONMENT.get_template("list.html").render(items=event["items"], name=event["name"])
