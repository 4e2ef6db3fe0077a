"""A Lambda function that runs on rapid_client, in one of three ways: copy this file into your app."""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

from aws_cdk import CfnResource, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_ecr_assets import Platform
from constructs import Construct

ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}
PLATFORMS = {"arm64": Platform.LINUX_ARM64, "x86_64": Platform.LINUX_AMD64}
# What is below the layer. AWS has deprecated provided.al2: only for what cannot move yet.
RUNTIMES = {
    "provided.al2023": lambda_.Runtime.PROVIDED_AL2023,
    "provided.al2": lambda_.Runtime.PROVIDED_AL2,
    "python3.13": lambda_.Runtime.PYTHON_3_13,
}
LOG_FORMATS = {"JSON": lambda_.LoggingFormat.JSON, "Text": lambda_.LoggingFormat.TEXT}
TRACING = {"on": lambda_.Tracing.ACTIVE, "off": lambda_.Tracing.DISABLED}
LAYER_ARN = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:layer:[\w-]+:\d+")


class SettingError(ValueError):
    """A setting that no function can be made from; the text says which, and what it may be."""


def choose(name: str, value: str, choices: Collection[str]) -> None:
    """Raise SettingError unless *value* is one of *choices*."""
    if value not in choices:
        raise SettingError(f"{name} is {value!r}; it must be one of {', '.join(choices)}")


def between(name: str, value: int, low: int, high: int) -> None:
    """Raise SettingError unless *value* lies between *low* and *high*."""
    if not low <= value <= high:
        raise SettingError(f"{name} is {value}; it must be from {low} to {high}")


@dataclass(frozen=True)
class Settings:
    """What is the same for a function whichever way it is deployed.

    Raises:
        SettingError: If a value is none that Lambda takes.
    """

    architecture: str = "arm64"
    memory_size: int = 256
    timeout: int = 10
    log_format: str = "JSON"
    xray: str = "off"
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose("architecture", self.architecture, ARCHITECTURES)
        choose("log_format", self.log_format, LOG_FORMATS)
        choose("xray", self.xray, TRACING)
        between("memory_size", self.memory_size, 128, 10240)
        between("timeout", self.timeout, 1, 900)


@dataclass(frozen=True)
class Layer:
    """The layer for a runtime: a zip that `rapid layer build` made, or the ARN of a published version."""

    runtime: str
    dist: str
    arn: str = ""

    def __post_init__(self) -> None:
        choose("runtime", self.runtime, RUNTIMES)
        if self.arn and not LAYER_ARN.fullmatch(self.arn):
            raise SettingError(
                f"the layer is {self.arn!r}; it must be the ARN of a layer version, number and all"
            )

    def version(self, scope: Construct, architecture: str) -> lambda_.ILayerVersion:
        """Return the layer version, which is published with the stack unless there is one.

        Raises:
            SettingError: If the zip is not there.
        """
        if self.arn:
            return lambda_.LayerVersion.from_layer_version_arn(scope, "Layer", self.arn)
        name = f"{self.runtime}-python3.13" if self.runtime.startswith("provided") else self.runtime
        path = os.path.join(self.dist, f"rapid-{name}-{architecture}.zip")
        if not os.path.isfile(path):
            command = f"rapid layer build --runtime {self.runtime} --arch {architecture} --python 3.13"
            raise SettingError(f"{path} is not there: `{command} --out {self.dist}` makes it, or give an ARN")
        return lambda_.LayerVersion(
            scope,
            "Layer",
            code=lambda_.Code.from_asset(path),
            compatible_runtimes=[RUNTIMES[self.runtime]],
            compatible_architectures=[ARCHITECTURES[architecture]],
        )


class RapidFunction(Construct):
    """A function with a log group of its own, and a role that can write there and send traces, no more."""

    def __init__(self, scope: Construct, name: str, settings: Settings) -> None:
        super().__init__(scope, name)
        log_group = logs.LogGroup(self, "Logs", retention=logs.RetentionDays.TWO_WEEKS)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        self.settings = settings
        self.properties: dict[str, Any] = {
            "architecture": ARCHITECTURES[settings.architecture],
            "memory_size": settings.memory_size,
            "timeout": Duration.seconds(settings.timeout),
            "logging_format": LOG_FORMATS[settings.log_format],
            "log_group": log_group,
            "role": role,
            "tracing": TRACING[settings.xray],  # "on" lets the role send traces, too
        }

    def on_layer(self, layer: Layer, code: str) -> lambda_.Function:
        """Run the folder *code* on the layer: on an OS-only runtime, or on the managed one by the wrapper."""
        managed = not layer.runtime.startswith("provided")
        wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/rapid-wrapper"} if managed else {}
        function = lambda_.Function(
            self,
            "Function",
            runtime=RUNTIMES[layer.runtime],
            handler="app.handler",
            code=lambda_.Code.from_asset(code, exclude=["Dockerfile"]),
            layers=[layer.version(self, self.settings.architecture)],
            environment=self.settings.environment | wrapper,
            **self.properties,
        )
        if layer.runtime == "provided.al2":  # chosen, so no warning for this one
            ignored = {"config": {"ignore_checks": ["W2531"]}}
            cast("CfnResource", function.node.default_child).add_metadata("cfn-lint", ignored)
        return function

    def in_image(self, folder: str, base: str) -> lambda_.Function:
        """Build the Dockerfile in *folder* on the image *base*, and run that: its CMD is the handler."""
        code = lambda_.DockerImageCode.from_image_asset(
            folder, build_args={"BASE": base}, platform=PLATFORMS[self.settings.architecture]
        )
        return lambda_.DockerImageFunction(
            self, "Function", code=code, environment=self.settings.environment, **self.properties
        )
