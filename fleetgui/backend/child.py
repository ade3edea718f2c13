"""A parent's end of the pipe to a child process: start it, hand it its settings, hear it, know its end, stop it.

The contract of such a child is in `parent.py`. Made of subprocess.Popen and three small threads instead of asyncio's
own subprocesses: those need a child watcher of the running loop, which a loop on top of Qt does not have. So the same
code serves the supervisor and the console. Children live in a session of their own, so that Ctrl+C in a terminal
reaches the top of the tree alone, and the top then ends the others in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleetgui.backend.lines import unmarked

_LINE_LIMIT: Final = 1024 * 1024


class ChildFailed(Exception):
    """A child could not be started, or ended before it was ready. The text is one sentence for the operator."""


@dataclass(frozen=True)
class End:
    """How a child ended: its exit code (−N for signal N, as in subprocess) and what it last wrote to stderr."""

    name: str
    code: int
    last_words: str = ""

    @property
    def sentence(self) -> str:
        if self.code < 0:
            return f"{self.name} was ended by {_signal_name(-self.code)}"
        # Only after a failure do the last words tell why; otherwise they are whatever it logged last.
        words = f": {self.last_words}" if self.code and self.last_words else ""
        return f"{self.name} ended with exit code {self.code}{words}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Child:
    """One child process.

    `on_stderr(line)` is called on the loop for each line the child logs, `on_alive()` whenever it says that it lives.
    Use: `start`, `await ready(…)`, then `await ended()` or `on_end`, and always `await stop()`.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        on_stderr: Callable[[str], object] | None = None,
        on_alive: Callable[[], object] | None = None,
    ) -> None:
        self.name = name
        self._argv = list(argv)
        self._on_stderr = on_stderr
        self._on_alive = on_alive
        self._last_line = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Future[dict[str, Any]] | None = None
        self._ended: asyncio.Future[End] | None = None
        self._error: str | None = None

    def start(self, settings: dict[str, Any] | None = None) -> None:
        """Start the process and write `settings` as its first line; raises `ChildFailed`. Once per object.

        Without settings it waits for them, with its imports done: `tell` brings them.
        """
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._ended = self._loop.create_future()
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP
        try:
            process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                creationflags=flags,
            )
        except OSError as error:
            raise ChildFailed(f"{self.name} cannot be started: {error}") from None
        self._process = process
        readers = [
            threading.Thread(target=self._read, args=(process.stdout, self._heard), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, self._logged), daemon=True),
        ]
        for thread in (*readers, threading.Thread(target=self._wait, args=(process, readers), daemon=True)):
            thread.name = f"{self.name} {thread.name}"
            thread.start()
        if settings is not None:
            self.tell(settings)

    def tell(self, settings: dict[str, Any]) -> None:
        """Write `settings` as the first line that the process reads."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):  # it is dead already; `ready` says why
                self._process.stdin.write(json.dumps(settings).encode() + b"\n")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._ended is not None and not self._ended.done()

    async def ready(self, timeout: float) -> dict[str, Any]:
        """The facts of the child's ready line. Raises `ChildFailed` when it says an error, ends, or says nothing."""
        assert self._ready is not None  # noqa: S101 - a caller's mistake, not a condition at run time
        assert self._ended is not None  # noqa: S101 - likewise
        either: set[asyncio.Future[Any]] = {self._ready, self._ended}
        await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._ready.done():
            return self._ready.result()
        if self._error is not None:
            raise ChildFailed(self._error)
        if self._ended.done():
            raise ChildFailed(self._ended.result().sentence)
        raise ChildFailed(f"{self.name} is not ready after {timeout:g} s")

    async def ended(self) -> End:
        """How it ended, once it has. Cancelling the wait leaves the child alone."""
        assert self._ended is not None  # noqa: S101 - a caller's mistake
        return await asyncio.shield(self._ended)

    def on_end(self, call: Callable[[End], object]) -> None:
        """Call `call(end)` on the loop once the child has ended, at once (next turn) when it has already."""
        assert self._ended is not None  # noqa: S101 - a caller's mistake
        self._ended.add_done_callback(lambda ended: None if ended.cancelled() else call(ended.result()))

    async def stop(self, *, within: float = 1.0) -> End | None:
        """End it: close its stdin, wait `within` seconds, kill. None when it was never started."""
        if self._process is None or self._ended is None:
            return None
        self.close_stdin()
        done, _ = await asyncio.wait({self._ended}, timeout=within)
        if not done:
            self.kill()
        return await self.ended()

    def close_stdin(self) -> None:
        """Tell the child to end, without waiting."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def kill(self) -> None:
        """SIGKILL, harmless when it has ended."""
        if self._process is not None:
            self._process.kill()

    # In threads of their own.

    def _read(self, stream: Any, line_read: Callable[[str], None]) -> None:
        # os.read, not a buffered reader: at interpreter shutdown a daemon thread must not hold a reader's lock.
        rest = b""
        with stream:
            while chunk := os.read(stream.fileno(), 65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._post(line_read, line.decode(errors="replace").rstrip("\r"))
                rest = rest[-_LINE_LIMIT:]
            if rest:
                self._post(line_read, rest.decode(errors="replace"))

    def _wait(self, process: subprocess.Popen[bytes], readers: list[threading.Thread]) -> None:
        code = process.wait()
        for thread in readers:
            thread.join(0.5)  # a grandchild may hold the pipe longer; its words are not this child's
        self._post(self._has_ended, code)

    def _post(self, call: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *args)

    # Back on the loop.

    def _heard(self, line: str) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._logged(line)
        elif message.get("alive") is True:
            if self._on_alive is not None:
                self._on_alive()
        elif isinstance(message.get("error"), str):
            self._error = message["error"]
        elif message.get("ready") is True and self._ready is not None and not self._ready.done():
            self._ready.set_result(message)

    def _logged(self, line: str) -> None:
        if not line.strip():
            return
        self._last_line = line
        if self._on_stderr is not None:
            self._on_stderr(line)

    def _has_ended(self, code: int) -> None:
        self.close_stdin()
        words = self._error or (unmarked(self._last_line)[1].strip())
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(End(self.name, code, words[:500]))
