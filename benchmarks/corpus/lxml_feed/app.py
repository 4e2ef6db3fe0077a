"""lxml: a feed is read, searched and written."""

from lxml import etree


def handler(event, context):
    """Return the titles of a feed, or what is wrong with it."""
    try:
        root = etree.fromstring(event["feed"].encode())
    except etree.XMLSyntaxError as exc:
        return {"wrong": exc.code}
    return {"titles": root.xpath("//item/title/text()"), "first": etree.tostring(root[0]).decode()}
