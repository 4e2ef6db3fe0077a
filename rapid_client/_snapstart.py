"""Before a snapshot and after a restore (AWS docs: Runtime hooks for Lambda SnapStart).

The hooks are those of `snapshot_restore_py`, the package that awslambdaric's users register them with.
"""

from __future__ import annotations

import sys

from rapid_client._report import report_hook_error  # noqa: TID253 - it is beyond the boundary itself

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from rapid_client._runtime import Environment

#: The exit codes that awslambdaric ends with.
BEFORE_SNAPSHOT_FAILED: Final = 64
AFTER_RESTORE_FAILED: Final = 65


def snapshot(environment: Environment) -> None:
    """Run the before hooks, last registered first; let the snapshot be taken; run the after hooks in order.

    Args:
        environment: Whose Runtime API is asked to take the snapshot.

    Raises:
        SystemExit: 64 or 65 if a hook fails, or the restore; what it was has been logged and reported.
    """
    # Who registered a hook has imported the package; nobody else pays for it.
    registry: Any = sys.modules.get("snapshot_restore_py")
    try:
        if registry is not None:
            before = registry.get_before_snapshot()
            while before:
                hook, args, kwargs = before.pop()
                hook(*args, **kwargs)
        environment.client.restore_next()
    except BaseException as exc:
        if environment.forked():
            raise
        report_hook_error(environment, exc, environment.post_init_error, "Runtime.BeforeSnapshotError")
        raise SystemExit(BEFORE_SNAPSHOT_FAILED) from None
    try:
        if registry is not None:
            for hook, args, kwargs in registry.get_after_restore():
                hook(*args, **kwargs)
    except BaseException as exc:
        if environment.forked():
            raise
        report_hook_error(environment, exc, environment.client.restore_error, "Runtime.AfterRestoreError")
        raise SystemExit(AFTER_RESTORE_FAILED) from None
