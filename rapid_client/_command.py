"""The command `rapid`: say what is missing before the local half is imported.

The local half needs third-party packages that the runtime does not, and a system with processes and signals.
Where either is missing, a traceback would help nobody.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

USAGE_ERROR: Final = 2
SYSTEMS: Final = ("linux", "darwin")
#: What the local half imports; the extra `local` brings more: uvloop is faster, but asyncio has a loop too.
PACKAGES: Final = ("click", "h11", "rich")
#: What `rapid layer` and `rapid package` import besides, and pip, which they run: the extra `layer` brings
#: them, and the others.
LAYER_PACKAGES: Final = ("cyclonedx", "elftools", "jsonschema", "packageurl", "packaging", "pip")


def main() -> int:
    """Run `rapid` with the process's arguments.

    Returns:
        The exit code: the command's own, or 2 if it cannot run here, after one line on stderr.
    """
    if sys.argv[1:2] in (["layer"], ["package"]):
        problem = obstacle(sys.platform, PACKAGES + LAYER_PACKAGES, "layer")
    else:
        problem = obstacle(sys.platform, PACKAGES)
    if problem is not None:
        print(problem, file=sys.stderr)
        return USAGE_ERROR
    from rapid_client.local.cli import main as command  # deferred: it needs the extra's packages

    return command()


def obstacle(platform: str, packages: Iterable[str], extra: str = "local") -> str | None:
    """Return the line that says why `rapid` cannot run on *platform* with *packages*; None if it can.

    Args:
        platform: As `sys.platform` has it.
        packages: What is imported.
        extra: What brings them.
    """
    if platform not in SYSTEMS:
        return f"rapid: it runs on Linux and macOS, not on {platform!r}"
    from importlib.util import find_spec  # deferred: 5 ms, and only the command needs it

    for name in packages:
        if find_spec(name) is None:
            wanted = requirement(__file__, _origin(), extra)
            return (
                f"rapid: the package {name!r} is missing, which the extra {extra!r} brings: "
                f'{sys.executable} -m pip install "{wanted}"'
            )
    return None


def requirement(here: str, url: str, extra: str = "local") -> str:
    """Return what to hand to pip: the clone or the wheel that we came from, with the extra.

    Never our bare name, which pip would look up in an index.

    Args:
        here: A file of this package.
        url: Where pip installed the package from, empty if unknown.
        extra: The extra.
    """
    from pathlib import Path  # deferred: 8 ms, and only this message needs it

    clone = Path(here).parent.parent
    if (clone / "pyproject.toml").is_file():
        return f"{clone}[{extra}]"
    if url.startswith("file://"):
        from urllib.parse import unquote  # deferred: 8 ms, and only this message needs it

        return f"{unquote(url.removeprefix('file://'))}[{extra}]"
    return f"rapid-lambda-runtime[{extra}] @ {url or 'file://PATH-OF-THE-WHEEL'}"


def _origin() -> str:
    """Return the URL that pip installed us from, as it recorded it; empty if nobody did."""
    import json  # deferred: 5.8 ms, and only this message needs it
    from importlib import metadata  # deferred: 20 ms, and only this message needs it

    try:
        record = metadata.distribution("rapid-lambda-runtime").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        record = None
    return str(json.loads(record or "{}").get("url", ""))
