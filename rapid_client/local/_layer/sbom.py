"""The software bill of materials: CycloneDX JSON, validated, and the same for the same layer."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

import rapid_client
from rapid_client.local._target.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Without SOURCE_DATE_EPOCH: the time of the zip file's entries, in seconds.
EPOCH: Final = 315532800
OURS: Final = "rapid-lambda-runtime"


def make_sbom(manifest: Mapping[str, Any]) -> bytes:
    """Return the bill of materials of the layer that a manifest describes.

    Raises:
        BuildError: If it does not keep to its schema, which would be a mistake of ours.
    """
    licences = LicenseFactory()
    layer = _layer(manifest)
    ours = Component(
        name=OURS,
        version=manifest["rapid_client"]["version"],
        bom_ref=OURS,
        purl=PackageURL("generic", None, OURS, manifest["rapid_client"]["version"]),
        licenses=[licences.make_with_id("Apache-2.0")],
        properties=[Property(name="rapid:sources-sha256", value=manifest["rapid_client"]["sha256"])],
    )
    interpreter = manifest.get("interpreter") or {"components": []}
    built = [_component(entry, licences) for entry in interpreter["components"]]
    packages = [_package(entry, licences) for entry in manifest["packages"]]
    bom = Bom(components=[ours, *built, *packages], metadata=BomMetaData(component=layer, timestamp=_when()))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{manifest['zip']['sha256']}")
    bom.register_dependency(layer, [ours, *built[:1], *packages])
    for component in (ours, *packages):
        bom.register_dependency(component)
    if built:
        bom.register_dependency(built[0], built[1:])
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise BuildError(f"the bill of materials is not valid CycloneDX: {wrong}")
    return text.encode() + b"\n"


def _layer(manifest: Mapping[str, Any]) -> Component:
    """Return the layer itself, with what is to be said about it."""
    return Component(
        name=manifest["name"],
        version=rapid_client.__version__,
        type=ComponentType.APPLICATION,
        bom_ref=manifest["name"],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=manifest["zip"]["sha256"])],
        properties=[Property(name="rapid:note", value=note) for note in manifest["notes"]],
    )


def _component(entry: Mapping[str, Any], licences: LicenseFactory) -> Component:
    """Return CPython, or a library that is linked into it."""
    name, version = entry["name"], entry.get("version")
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=entry["sha256"])] if entry.get("sha256") else []
    source = [
        ExternalReference(type=ExternalReferenceType.SOURCE_DISTRIBUTION, url=XsUri(url), hashes=hashes)
        for url in _addresses(entry.get("source"))
    ]
    unknown = [key for key in ("version", "source", "licence") if not entry.get(key)]
    return Component(
        name=name,
        version=version,
        bom_ref=f"cpython/{name}",
        purl=_package_url(entry),
        licenses=[licences.make_from_string(entry["licence"])] if entry.get("licence") else [],
        external_references=source,
        properties=[
            *(Property(name="rapid:unknown", value=key) for key in unknown),
            *(Property(name="rapid:patch", value=patch) for patch in entry.get("patches", [])),
        ],
    )


def _package_url(entry: Mapping[str, Any]) -> PackageURL:
    """Return the package URL of CPython, or of a library.

    Raises:
        BuildError: If the interpreter has one that is none.
    """
    name, version, package = entry["name"], entry.get("version"), entry.get("package")
    if not package:
        return PackageURL("generic", None, name.lower(), version)
    try:
        return PackageURL.from_string(package)
    except ValueError as exc:
        raise BuildError(
            f"interpreter.json has package {package!r} for {name}, which is no package URL: {exc}"
        ) from None


def _addresses(source: str | None) -> Iterable[str]:
    return [source] if source else []


def _package(entry: Mapping[str, str], licences: LicenseFactory) -> Component:
    """Return a package that came as a wheel."""
    name, version = entry["name"], entry["version"]
    return Component(
        name=name,
        version=version,
        bom_ref=f"pypi/{name}",
        purl=PackageURL("pypi", None, name, version, {"file_name": entry["wheel"]}),
        licenses=[licences.make_from_string(entry["licence"])] if entry["licence"] else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=entry["sha256"])],
    )


def _when() -> datetime:
    """Return the time that the bill of materials bears: never the clock's.

    Raises:
        BuildError: If SOURCE_DATE_EPOCH is no time.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH") or str(EPOCH)
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise BuildError(f"SOURCE_DATE_EPOCH={text!r} is no number of seconds since 1970") from None
