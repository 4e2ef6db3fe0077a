"""PyYAML: a configuration that is read at import, and documents that come."""

import yaml

CONFIG = yaml.safe_load("retries: 3\nregions: [eu-west-1, eu-central-1]\nlimits: {small: 1, large: 2.5}\n")


def handler(event, context):
    """Read the event's document, and write it back."""
    try:
        document = yaml.safe_load(event["document"])
    except yaml.YAMLError as exc:
        return {"wrong": exc.problem}
    return {"retries": CONFIG["retries"], "again": yaml.safe_dump(document, sort_keys=True)}
