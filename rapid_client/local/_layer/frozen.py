"""Which modules are frozen into the interpreter of a layer, and how to tell that they are the right ones.

The build of the interpreter freezes them and puts `MARKER` with the digest into the executable; the builder
of layers refuses an executable whose digest is not that of the package it ships. Standard library only: the
build of the interpreter uses it, too.
"""

from __future__ import annotations

import hashlib
import os
import re

#: What every start of a function loads, in the order in which it does.
FROZEN: tuple[str, ...] = (
    "rapid_client",
    "rapid_client._site",
    "rapid_client._config",
    "rapid_client.context",
    "rapid_client._wire",
    "rapid_client._protocol",
    "rapid_client._handler",
    "rapid_client._import_hook",
    "rapid_client._stdio",
    "rapid_client._client",
    "rapid_client._codec",
    "rapid_client._loop",
    "rapid_client._runtime",
)

#: What stands before the digest in the executable; after it come 64 hexadecimal digits and a semicolon.
MARKER: bytes = b"rapid-client-frozen:sha256:"


def source_path(package: str, name: str) -> str:
    """Return the source of a frozen module; *package* is the folder of `rapid_client`."""
    relative = name.partition(".")[2].replace(".", "/")
    return os.path.join(package, f"{relative or '__init__'}.py")


def frozen_digest(package: str) -> str:
    """Return what the digest in the executable has to be.

    Args:
        package: The folder of `rapid_client`, with the sources.

    Returns:
        The SHA-256 over each module's name, a NUL byte, the length of its source, a NUL byte, and that.

    Raises:
        OSError: If a source is not there.
    """
    digest = hashlib.sha256()
    for name in FROZEN:
        with open(source_path(package, name), "rb") as file:
            source = file.read()
        digest.update(b"%b\0%d\0%b" % (name.encode(), len(source), source))
    return digest.hexdigest()


def marked_digest(executable: str) -> str | None:
    """Return the digest that an executable of any architecture carries; None if nothing of ours is frozen.

    Raises:
        OSError: If it cannot be read.
    """
    with open(executable, "rb") as file:
        found = re.search(re.escape(MARKER) + rb"([0-9a-f]{64});", file.read())
    return found[1].decode() if found else None
