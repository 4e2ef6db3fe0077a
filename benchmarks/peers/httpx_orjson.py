"""A custom runtime as one plainly writes it with httpx and orjson: what convenience costs."""

from __future__ import annotations

import importlib
import os
import sys

import httpx
import orjson


def main() -> None:
    """Load the function that ``_HANDLER`` names and serve it until the process is stopped."""
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    module_name, _, name = os.environ["_HANDLER"].rpartition(".")
    handler = getattr(importlib.import_module(module_name), name)
    base_url = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"

    with httpx.Client(base_url=base_url, timeout=None) as client:
        while True:
            invocation = client.get("/invocation/next")
            invocation.raise_for_status()
            request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
            result = handler(orjson.loads(invocation.content), None)
            client.post(
                f"/invocation/{request_id}/response",
                content=orjson.dumps(result),
                headers={"Content-Type": "application/json"},
            ).raise_for_status()


if __name__ == "__main__":
    main()
