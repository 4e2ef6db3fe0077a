"""The root logger's handler and formatters, value for value those of awslambdaric 4.2.2.

Imported once `logging` is, by the hook that waits for it: a function that never logs pays nothing.
"""

from __future__ import annotations

import logging  # noqa: TID253 - loaded already: the import of logging is what gets this module imported
import time

from rapid_client._sink import json_frame, text_frame  # noqa: TID253 - same side of the cold-path boundary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Final, Protocol

    from rapid_client._sink import Sink

    class Invocation(Protocol):
        """The invocation that runs now; None and None before the first."""

        @property
        def request_id(self) -> str | None:
            """Its id."""

        @property
        def tenant_id(self) -> str | None:
            """Its tenant, where the function has tenants."""

    class LogSettings(Protocol):
        """What logging needs to know."""

        @property
        def log_format(self) -> str:
            """AWS_LAMBDA_LOG_FORMAT as it is set, or empty."""

        @property
        def log_level(self) -> str:
            """AWS_LAMBDA_LOG_LEVEL as it is set, or empty."""

        @property
        def sink(self) -> Sink:
            """Where log text goes."""

        @property
        def current(self) -> Invocation:
            """What runs now; read anew for each record."""


_TEXT_FORMAT: Final = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_TEXT_DATE: Final = "%Y-%m-%dT%H:%M:%S"
_JSON_DATE: Final = "%Y-%m-%dT%H:%M:%SZ"

# What a record has without anybody's `extra`, and what is ours.
_NOT_EXTRA: Final = frozenset(
    (
        *(
            "name",
            "msg",
            "args",
            "levelname",
            "levelno",
            "pathname",
            "filename",
            "module",
            "exc_info",
            "exc_text",
        ),
        *("stack_info", "lineno", "funcName", "created", "msecs", "relativeCreated", "thread", "threadName"),
        *("processName", "process", "aws_request_id", "tenant_id", "_frame_type"),
    )
)


def configure(logging: ModuleType, settings: LogSettings) -> None:
    """Set up the root logger; call it once, when `logging` has just been loaded.

    The root logger gets one handler (so ``logging.basicConfig`` in a function has no effect) and the level
    of AWS_LAMBDA_LOG_LEVEL, TRACE meaning DEBUG in any case of letters; an unknown level leaves WARNING.
    Times are UTC.

    Args:
        logging: The module.
        settings: Format, level, sink and the current invocation.
    """
    level = settings.log_level.upper()
    if level == "TRACE":
        level = "DEBUG"
    as_json = settings.log_format.upper() == "JSON"
    logging.Formatter.converter = time.gmtime
    framed = as_json or bool(level)
    handler = (LambdaLoggerHandlerWithFrameType if framed else LambdaLoggerHandler)(settings.sink)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    handler.addFilter(InvocationFilter(settings.current))
    root = logging.getLogger()
    if level in logging.getLevelNamesMapping():
        root.setLevel(level)
    root.addHandler(handler)


class LambdaLoggerHandler(logging.Handler):
    """Hands formatted records to the sink; libraries know it by this name.

    What goes wrong is reported as `logging` does it, on standard error: a wrong argument of a log call must
    not fail the invocation, as it does under awslambdaric 4.2.2.
    """

    def __init__(self, log_sink: Sink) -> None:
        super().__init__()
        self.log_sink = log_sink

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*."""
        try:
            self.write(record)
        except RecursionError:  # as the handlers of `logging` do
            raise
        except Exception:
            self.handleError(record)

    def write(self, record: logging.LogRecord) -> None:
        """Write *record* without a level in its frame."""
        self.log_sink.log(self.format(record))


class LambdaLoggerHandlerWithFrameType(LambdaLoggerHandler):
    """Says the level of each record in its frame: for JSON, or where a level is set."""

    def write(self, record: logging.LogRecord) -> None:
        """Write *record* with the frame type that the formatter chose, else the one of text."""
        text = self.format(record)
        self.log_sink.log(text, getattr(record, "_frame_type", None) or text_frame(record.levelno))


class InvocationFilter(logging.Filter):
    """Lets every record pass, marked with the invocation: ``aws_request_id`` and ``tenant_id``."""

    def __init__(self, current: Invocation) -> None:
        super().__init__()
        self.current = current

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark *record*."""
        record.aws_request_id = self.current.request_id or ""
        record.tenant_id = self.current.tenant_id
        return True


class TextFormatter(logging.Formatter):
    """``[LEVEL]<tab>time<tab>request id<tab>message`` and a newline, also after a traceback.

    awslambdaric 4.2.2 leaves that last newline out, so that the next record is glued to a traceback.
    """

    def __init__(self) -> None:
        super().__init__(_TEXT_FORMAT, _TEXT_DATE)

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of *record*."""
        text = super().format(record)
        return text if text.endswith("\n") else text + "\n"


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for AWS_LAMBDA_LOG_FORMAT=JSON."""

    def __init__(self) -> None:
        super().__init__(datefmt=_JSON_DATE)
        import json  # deferred: 2 ms after logging, and only the JSON format needs it

        self._encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    def format(self, record: logging.LogRecord) -> str:
        """Return the object of *record* and a newline.

        Order: timestamp, level, message (an object if a dict was logged), logger, stackTrace, errorType,
        errorMessage, requestId, location, tenantId, then what `extra` brought. What is None is left out.
        """
        # Handlers after us see the record with the level that we write: awslambdaric 4.2.2 does that, too.
        record.levelno = min(50, max(0, record.levelno)) // 10 * 10
        record.levelname = logging.getLevelName(record.levelno)
        record._frame_type = json_frame(record.levelno)  # noqa: SLF001 - read by the handler
        fields = self._fields(record)
        for key, value in record.__dict__.items():
            if key not in _NOT_EXTRA and key not in fields:
                fields[key] = value
        fields = {key: value for key, value in fields.items() if value is not None}
        try:
            return self._encode(fields) + "\n"
        except Exception:  # a tuple as a key, a circle, a __str__ that raises: better another shape than none
            return self._encode({key: _plain(value) for key, value in fields.items()}) + "\n"

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what every record has, in order."""
        direct = isinstance(record.msg, dict) and not record.args
        trace, error_type, error_message, location = _exception_fields(record)
        fields = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if direct else record.getMessage(),
            "logger": record.name,
            "stackTrace": trace,
            "errorType": error_type,
            "errorMessage": error_message,
            "requestId": getattr(record, "aws_request_id", None),
            "location": location,
        }
        tenant = getattr(record, "tenant_id", None)
        if tenant is not None:
            fields["tenantId"] = tenant
        return fields


def _exception_fields(record: logging.LogRecord) -> tuple[Any, Any, Any, Any]:
    """Return stackTrace, errorType, errorMessage and location, all None without an exception."""
    if not record.exc_info or record.exc_info[0] is None:  # exc_info=True and nothing raised: three Nones
        return None, None, None, None
    import traceback  # deferred: loaded already by logging; here for the cold path's rule

    from rapid_client._faults import text_of  # deferred: only records with an exception need it

    error_class, error, trace = record.exc_info
    location = f"{record.pathname}:{record.funcName}:{record.lineno}"
    return traceback.format_tb(trace), error_class.__name__, text_of(error), location


def _plain(value: Any) -> Any:
    """Return *value* where it is simple, else its text."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if type(value) is list and all(type(item) is str for item in value):
        return value
    from rapid_client._faults import text_of  # deferred: only records that cannot be encoded need it

    return text_of(value)
