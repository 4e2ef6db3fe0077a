"""Which of botocore's service models stay: nearly all of its size is services that are never called."""

from __future__ import annotations

import difflib
import shutil
from typing import TYPE_CHECKING, Final

from rapid_client.local._target.errors import BuildError, OrderError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Credentials may come by way of these: a role, a web identity, single sign-on, `aws login`.
ALWAYS: Final = ("signin", "sso", "sso-oidc", "sts")
DATA: Final = ("botocore/data", "boto3/data")


def keep_services(root: Path, names: Sequence[str]) -> list[str]:
    """Remove the models of all services but those named, and `ALWAYS`.

    Files beside the services' folders (endpoints, partitions, retries, defaults) belong to all and stay.

    Returns:
        The services that are left.

    Raises:
        BuildError: If there is no botocore in the function.
        OrderError: If it has no such service.
    """
    botocore = root / DATA[0]
    if not botocore.is_dir():
        raise BuildError(
            "--boto3-services needs botocore in the function, and it has none: name boto3 in --requirements"
            " (the one that AWS's managed runtimes bring cannot be made smaller)"
        )
    known = {path.name for path in botocore.iterdir() if path.is_dir()}
    for name in names:
        if name not in known:
            raise OrderError(_unknown(name, known))
    kept = {*names, *ALWAYS}
    for data in DATA:
        for path in sorted((root / data).glob("*")):
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path)
    return sorted(kept & known)


def offer(root: Path) -> str | None:
    """Return that models could be left out, and how; None where there is no botocore."""
    models = [path for path in (root / DATA[0]).glob("*") if path.is_dir()]
    if not models:
        return None
    size = sum(path.stat().st_size for model in models for path in model.rglob("*") if path.is_file())
    return (
        f"botocore has the models of {len(models)} services, {size:,} bytes:"
        " --boto3-services s3,dynamodb keeps those that are named"
    )


def _unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name.lower(), sorted(known), n=3, cutoff=0.6)
    near += [each for each in sorted(known) if len(name) > 2 and name.lower() in each and each not in near][
        :3
    ]
    hint = (
        f"did you mean {', '.join(near)}?" if near else "boto3.Session().get_available_services() lists them"
    )
    return f"--boto3-services: botocore has no service {name!r}: {hint}"
