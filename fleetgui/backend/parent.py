"""A child's end of the pipe to its parent: what every process of the backend stands on.

The contract is the same for all of them. The child reads one JSON line from stdin (its settings, secrets included:
argv and the environment can be read by others), prints one JSON line on stdout when it serves (`{"ready": true, …}`,
or `{"error": "one sentence"}`), logs to stderr, and ends when stdin ends. The end of a pipe is the one sign of a
parent's death that exists on every platform and that a kill −9 cannot suppress.

When the settings have a `beat`, in seconds, the child prints `{"alive": true}` that often, from its event loop: to a
parent that hears none any more, it hangs. Such a parent reads the log as `lines.py` has it.

Runs in the child. `child.py` is the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fleetgui.backend import lines

GRACE_S: Final = 1.5
"""What a child may take to end in good order once its parent is gone; then it is ended, whatever its loop does."""

_LINE_LIMIT: Final = 1024 * 1024

log = logging.getLogger(__name__)


class RoleFailed(Exception):
    """A role cannot do its work. The text is one sentence for the operator; the process ends with exit code 1."""


class Parent:
    """The parent, as its child sees it. `ended` is set on the loop once the parent's end of the pipe is closed."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.ended = asyncio.Event()

    def ready(self, **facts: Any) -> None:
        """Say that the child serves now."""
        tell({"ready": True, **facts})

    def beat(self, every: float) -> None:
        """Say now and every so many seconds that the loop turns. A parent that does not read is not waited for."""
        if _has_room(sys.stdout.fileno()):
            tell({"alive": True})
        asyncio.get_running_loop().call_later(every, self.beat, every)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        watch_stdin(lambda: loop.call_soon_threadsafe(self.ended.set))


def _has_room(pipe: int) -> bool:
    """Whether a short line can be written to `pipe` at once. Windows cannot tell; there it fits for hours."""
    return sys.platform == "win32" or bool(select.select([], [pipe], [], 0)[1])


def tell(message: dict[str, Any]) -> None:
    """Write one JSON line to the parent. A parent that is gone is no error: the end of stdin says so too."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


def read_settings() -> dict[str, Any]:
    """The settings' line from stdin, blocking; raises `RoleFailed` when it is none."""
    # Read unbuffered and only up to the newline: a buffered reader's lock would be held by the watching thread when
    # the interpreter shuts down.
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < _LINE_LIMIT:
        chunk = os.read(sys.stdin.fileno(), 1 if sys.stdin.isatty() else 65536)
        if not chunk:
            break
        line += chunk
    try:
        settings = json.loads(line)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise RoleFailed("this process expects one line of JSON with its settings on stdin; `fleetgui serve` starts it")
    return settings


def watch_stdin(ended: Callable[[], object], *, grace: float | None = GRACE_S) -> None:
    """Call `ended` from a thread of its own when stdin ends.

    A process that still lives `grace` seconds later is ended by force: its loop may be blocked or a task stubborn.
    With `grace` None there is no force.
    """

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 65536):
                pass
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending anyway
            ended()
        if grace is not None:
            threading.Event().wait(grace)
            os._exit(1)

    threading.Thread(target=watch, name="parent's pipe", daemon=True).start()


def run_role(main: Callable[[Parent], Coroutine[Any, Any, None]]) -> int:
    """Run a role from its settings to its end; returns the exit code.

    `main` serves, calls `parent.ready()`, and returns when `parent.ended` is set, which SIGTERM does too. 0 is a
    regular end, 1 a failure, which has been told to the parent in one sentence.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)

    async def play() -> None:
        parent = Parent(settings)
        parent._watch()
        with contextlib.suppress(NotImplementedError):  # Windows, where a child is ended by the end of its pipe
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, parent.ended.set)
        if isinstance(every := settings.get("beat"), int | float) and every > 0:
            parent.beat(every)
        await main(parent)

    try:
        settings = read_settings()
        if "beat" in settings:
            lines.use(lines.ForSupervisor())
        asyncio.run(play())
    except RoleFailed as failure:
        tell({"error": str(failure)})
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        log.exception("unexpected error")
        tell({"error": f"unexpected error: {type(error).__name__}: {error}"})
        return 1
    return 0
