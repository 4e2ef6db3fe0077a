"""The composition root: config, Runtime API, handler, loop. `main` is what every start ends up in."""

from __future__ import annotations

import posix
import sys
from time import monotonic

import rapid_client
from rapid_client import __version__, _import_hook
from rapid_client._client import Client, Transport
from rapid_client._codec import Codec
from rapid_client._config import Config, Switches, read_environ
from rapid_client._handler import load
from rapid_client._loop import Loop, exit_code
from rapid_client._protocol import RuntimeApi
from rapid_client._stdio import unbuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, Final

    from rapid_client._handler import Handler
    from rapid_client._protocol import Invocation
    from rapid_client._refusal import Refusal
    from rapid_client._seam import Seam
    from rapid_client._sink import Sink

#: PEP 810.
HAS_LAZY_IMPORTS: Final = sys.version_info >= (3, 15)
TELEMETRY_FD: Final = "_LAMBDA_TELEMETRY_LOG_FD"
#: What init may lose to compiling, in seconds, before it says so.
WORTH_A_HINT: Final = 0.05


class Current:
    """The invocation that is running, for the log: None before the first one."""

    __slots__ = ("request_id", "tenant_id")

    def __init__(self) -> None:
        self.request_id: str | None = None
        self.tenant_id: str | None = None


class Environment:
    """The execution environment: what the process was told, what it talks to, where its log goes.

    Args:
        config: The settings.

    Raises:
        ConfigError: If the address of the Runtime API is none.
    """

    __slots__ = ("_pid", "_sink", "client", "config", "current", "loop", "seam", "switches", "telemetry_fd")

    def __init__(self, config: Config) -> None:
        self.config = config
        self.current = Current()
        self.client = Client(RuntimeApi(config.address), Transport(config.address))
        self.switches = Switches({})
        self.loop: Loop | None = None
        self.seam: Seam | None = None
        self.telemetry_fd = config.environ.get(TELEMETRY_FD)
        self._sink: Sink | None = None
        self._pid = posix.getpid()

    @property
    def sink(self) -> Sink:
        """Where log records go: opened with the first of them."""
        if self._sink is None:
            from rapid_client._sink import open_sink  # deferred: who logs nothing needs none

            self._sink = open_sink(self.telemetry_fd)
        return self._sink

    def forked(self) -> bool:
        """Say whether this is a child that the function has forked: what fails there is not our answer."""
        return posix.getpid() != self._pid

    def bootstrap(self) -> Seam:
        """Return what stands for awslambdaric's ``bootstrap`` module; from now on all goes through it."""
        if self.seam is None:
            from rapid_client._seam import Seam  # deferred: only Sentry's integration asks

            self.seam = Seam(self.client)
            if self.loop is not None:
                self.loop.go_through(self.seam)
        return self.seam

    def pipeline(self) -> None:
        """Ask for the next event along with each response from now on."""

        def report(invocation: Invocation, refusal: Refusal) -> None:
            from rapid_client._report import refused  # deferred: refusals are rare

            refused(self, "response", invocation.request_id, refusal)

        self.client = self.client.pipelined(report)

    def post_init_error(self, error_type: str, body: bytes) -> Refusal | None:
        """Report that init failed, through what a library has wrapped around that."""
        return (self.seam or self.client).post_init_error(error_type, body)

    # What `_logs.configure` asks for.

    @property
    def log_format(self) -> str:
        """``AWS_LAMBDA_LOG_FORMAT`` as it is set."""
        return self.config.log_format

    @property
    def log_level(self) -> str:
        """``AWS_LAMBDA_LOG_LEVEL`` as it is set."""
        return self.config.log_level


def main(argv: list[str]) -> int:
    """Run the function that the command line or ``_HANDLER`` names, until something ends it.

    Args:
        argv: The program's name and, if given, the handler: it wins over ``_HANDLER``.

    Returns:
        The exit code, which is never 0: an environment ends because something failed, or because a signal
        handler of the function called ``sys.exit``, which goes through as SystemExit.
    """
    started = monotonic()
    unbuffer()
    try:
        environment = Environment(Config(read_environ(), argv[1] if len(argv) > 1 else None))
        forget(TELEMETRY_FD)
        if environment.telemetry_fd is not None:
            environment.sink  # noqa: B018 - a descriptor that is none is said at once
    except rapid_client.errors.ConfigError as exc:
        return say(str(exc))
    _import_hook.install("logging", log_configurator(environment))
    _import_hook.provide_awslambdaric()
    offer_seam(environment)
    try:
        handler, codec = init(environment)
        if environment.config.snapstart:
            from rapid_client._snapstart import snapshot  # deferred: only where a snapshot is taken

            snapshot(environment)
        environment.loop = loop = Loop(environment, handler, codec)
        if environment.seam is not None:
            loop.go_through(environment.seam)
        if environment.switches.debug:
            say_ready(environment, loop, started)
        loop.run()
    except rapid_client.errors.RapidClientError as exc:
        return say(str(exc))
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells have it


def init(environment: Environment) -> tuple[Handler, Codec]:
    """Check the switches and load the handler; what fails is reported, and ends the process.

    Raises:
        SystemExit: If init failed: 1, or the code that the module's own ``sys.exit`` named.
    """
    config = environment.config
    try:
        environment.switches = check_switches(config)
        if environment.switches.pipeline:
            environment.pipeline()
        return load_handler(environment), make_codec(environment)
    except BaseException as exc:
        if environment.forked():
            raise
        from rapid_client._report import report_init_error  # deferred: 0.3 ms, and only failures need it

        report_init_error(environment, exc)
        raise SystemExit(exit_code(exc)) from None


def load_handler(environment: Environment) -> Handler:
    """Load the handler with the bytecode and the laziness that are asked for; hint at what compiling cost.

    Raises:
        FaultError: As `load` does.
        BaseException: Whatever the module's own code raises.
    """
    config, switches = environment.config, environment.switches
    compiled: list[tuple[float, Any]] = []
    if switches.trust_pyc:
        from rapid_client._bytecode import roots, trust  # deferred: 0.5 ms, and only who asks needs it

        trust(roots(config.task_root))
    elif switches.hints:
        compiled = _import_hook.watch_compiler()
    defer_imports(environment)
    handler = load(config.handler, config.task_root)
    _import_hook.unwatch_compiler()
    if compiled and sum(seconds for seconds, _ in compiled) > WORTH_A_HINT:
        from rapid_client._hint import hint  # deferred: only who has lost more than it costs needs it

        hint(environment, compiled)
    return handler


def defer_imports(environment: Environment) -> None:
    """Let those imports wait that ``RAPID_LAZY_IMPORTS`` or the package's list allows; where a request waits.

    Elsewhere laziness would only move work from init into the first request.
    """
    config, choice = environment.config, environment.switches.lazy_imports
    if choice == "off" or not config.on_demand:
        return
    path = f"{config.task_root or '.'}/rapid-lazy.json"
    listed = HAS_LAZY_IMPORTS and exists(path)
    if listed or choice == "safe":
        from rapid_client._lazy import install  # deferred: a list, or the rule

        install(environment, path if listed else None)


def exists(path: str) -> bool:
    """Say whether there is such a file, in one system call; its reader says what is wrong with it."""
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


def check_switches(config: Config) -> Switches:
    """Return the RAPID_* switches.

    Raises:
        FaultError: If one of them cannot be.
    """
    try:
        return Switches(config.environ)
    except rapid_client.errors.ConfigError as exc:
        raise rapid_client.errors.FaultError("Runtime.InvalidConfiguration", str(exc)) from None


def offer_seam(environment: Environment) -> None:
    """Let libraries find ``__main__.bootstrap``; nothing is built before one of them asks (PEP 562)."""

    def find(name: str) -> object:
        if name == "bootstrap":
            return environment.bootstrap()
        message = f"module '__main__' has no attribute {name!r}"
        raise AttributeError(message)

    sys.modules["__main__"].__getattr__ = find  # type: ignore[method-assign]


def make_codec(environment: Environment) -> Codec:
    """Return the codec; made after the handler's import, since it looks at what is loaded by then.

    Raises:
        FaultError: If the orjson that was asked for cannot be imported.
    """
    switches, config = environment.switches, environment.config
    try:
        return Codec(switches.json, switches.nan, not config.utf8, config.eager)
    except rapid_client.errors.ConfigError as exc:
        raise rapid_client.errors.FaultError("Runtime.InvalidConfiguration", str(exc)) from exc


def log_configurator(environment: Environment) -> Callable[[ModuleType], None]:
    """Return what is to happen the instant somebody imports `logging`."""

    def configure(logging: ModuleType) -> None:
        from rapid_client._logs import configure as apply  # deferred: who does not log pays nothing

        apply(logging, environment)

    return configure


def forget(name: str) -> None:
    """Delete an environment variable that is not the function's business."""
    posix.environ.pop(name.encode(), None)
    posix.unsetenv(name)
    os: Any = sys.modules.get("os")
    if os is not None:
        os.environ.pop(name, None)


def say(message: str) -> int:
    """Write one line to stderr; return the exit code that goes with it."""
    write(f"rapid_client: {message}\n")
    return 1


def write(line: str) -> None:
    """Write *line* to stderr, if the process has one that is open."""
    try:
        sys.stderr.write(line)
    except (AttributeError, OSError, ValueError):  # None, broken, closed: nowhere is left to say it
        pass


def say_ready(environment: Environment, loop: Loop, started: float) -> None:
    """Write the one line of ``RAPID_DEBUG=1``."""
    version = "{}.{}.{}".format(*sys.version_info)
    write(
        f"rapid_client {__version__}: Python {version}, handler {environment.config.handler},"
        f" json {loop.engine}, {environment.config.init_type}, init {(monotonic() - started) * 1000:.1f} ms,"
        f" {len(sys.modules)} modules\n"
    )
