"""Pillow: a picture's thumbnail."""

import base64
import io

from PIL import Image, ImageDraw


def handler(event, context):
    """Draw a picture, and return its thumbnail's size and pixels."""
    picture = Image.new("RGB", (event["width"], event["height"]), "white")
    ImageDraw.Draw(picture).rectangle((0, 0, event["width"] // 2, event["height"]), fill="navy")
    png = io.BytesIO()
    picture.save(png, "PNG")
    again = Image.open(io.BytesIO(png.getvalue()))
    again.thumbnail((16, 16))
    jpeg = io.BytesIO()
    again.save(jpeg, "JPEG")
    head = base64.b64encode(jpeg.getvalue()[:4]).decode()
    return {"size": again.size, "left": again.getpixel((0, 0)), "head": head}
