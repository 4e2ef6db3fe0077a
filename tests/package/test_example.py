"""examples/orders, which docs/cold-start.md follows, is packaged as that page says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from tests.package.bench import Bench

EXAMPLE: Final = ROOT / "examples" / "orders"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_example_is_packaged(bench: Bench) -> None:
    """All events are answered as before; only the signature of a link varies."""
    options = ("--requirements", EXAMPLE / "src/requirements.txt", "--boto3-services", "s3")
    events = ("--handler", "app.handler", "--event", EXAMPLE / "events", "--runs", "1")
    # The packages come from where this machine's pip gets them.
    said = bench.package(
        *options, *events, source=str(EXAMPLE / "src"), **os.environ, PIP_NO_INDEX="0", PIP_CONFIG_FILE=""
    )

    verdicts = {verdict["event"]: verdict for verdict in said["trial"]["events"]}
    assert {name: verdict["same"] for name, verdict in verdicts.items()} == dict.fromkeys(
        ("1-quote.json", "2-bad-quote.json", "3-receipt.json", "4-unknown.json"), True
    )
    assert verdicts["1-quote.json"]["varies"] == []
    assert verdicts["3-receipt.json"]["varies"] == ["$.body.url word 5", "$.body.url word 7"]
    assert [step["size"] for step in said["steps"]][-1] < said["steps"][0]["size"]
