"""The same function in each of the three ways; keep the one that you need.

Settings by `cdk deploy -c NAME=VALUE`.
"""

import os
import sys

from aws_cdk import App, CfnOutput, Stack
from rapid_function import Layer, RapidFunction, SettingError, Settings

HERE = os.path.dirname(os.path.abspath(__file__))
FUNCTION = os.path.join(HERE, "..", "function")


def text(app: App, name: str, default: str) -> str:
    """Return a setting: what `-c NAME=VALUE` says, or the default."""
    return str(app.node.try_get_context(name) or default)


def number(app: App, name: str, default: int) -> int:
    """Return a setting that is a whole number.

    Raises:
        SettingError: If it is none.
    """
    value = text(app, name, str(default))
    if not value.isdecimal():
        raise SettingError(f"{name} is {value!r}; it must be a whole number")
    return int(value)


def settings_of(app: App) -> Settings:
    """Read what the three functions share from the app's context."""
    return Settings(
        architecture=text(app, "architecture", "arm64"),
        memory_size=number(app, "memory_size", 256),
        timeout=number(app, "timeout", 10),
        log_format=text(app, "log_format", "JSON"),
        xray=text(app, "xray", "off"),
        environment={"GREETING": "Hello"},
    )


def build(app: App) -> None:
    """Put the functions into one stack; the image's only where `-c image_base=IMAGE` names its base."""
    stack = Stack(app, "RapidClient")
    settings = settings_of(app)
    dist = os.path.normpath(text(app, "dist", os.path.join(HERE, "..", "..", "..", "dist")))

    # 1. An OS-only runtime: the layer brings the interpreter and `bootstrap`.
    layer = Layer(text(app, "runtime", "provided.al2023"), dist, text(app, "provided_layer", ""))
    functions = {"Provided": RapidFunction(stack, "Provided", settings).on_layer(layer, FUNCTION)}
    # 2. The managed runtime: AWS's interpreter, our client. RAPID_WRAPPER=off switches back.
    layer = Layer("python3.13", dist, text(app, "managed_layer", ""))
    functions["Managed"] = RapidFunction(stack, "Managed", settings).on_layer(layer, FUNCTION)
    # 3. A container image, built here: handler and runtime are in it.
    if base := text(app, "image_base", ""):
        functions["Image"] = RapidFunction(stack, "Image", settings).in_image(FUNCTION, base)

    for name, function in functions.items():
        CfnOutput(stack, f"{name}Function", value=function.function_name)


app = App()
try:
    build(app)
except SettingError as exc:
    sys.exit(f"cdk: {exc}")
app.synth()
