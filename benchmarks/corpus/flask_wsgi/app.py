"""Flask as a WSGI application, called with what an HTTP API sends."""

import io

from flask import Flask, abort, jsonify, render_template_string, request
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app)


@app.get("/items/<int:number>")
def get_item(number):
    """Return an item."""
    if number == 404:
        abort(404)
    return jsonify(id=number)


@app.post("/items")
def post_item():
    """Return what came."""
    return jsonify(request.get_json()), 201


@app.get("/page")
def page():
    """Return a page."""
    return render_template_string("<b>{{ x }}</b>", x="<1>")


def handler(event, context):
    """Call the application with a request of an HTTP API."""
    http, body = event["requestContext"]["http"], (event.get("body") or "").encode()
    environ = {
        "REQUEST_METHOD": http["method"],
        "PATH_INFO": event["rawPath"],
        "SCRIPT_NAME": "",
        "QUERY_STRING": event.get("rawQueryString", ""),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": http["protocol"],
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": event["headers"].get("content-type", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    said = {}

    def start_response(status, headers, exc_info=None):
        said.update(statusCode=int(status.split()[0]), headers=dict(headers))

    text = b"".join(app(environ, start_response)).decode()
    return {**said, "body": text}
