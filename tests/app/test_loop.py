"""The console's event loop behaves as asyncio's does, and does not starve Qt."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication

from fleetgui.app.loop import SLICE, FleetLoop, loop_factory

T = TypeVar("T")
Run = Callable[[Callable[[], Awaitable[T]]], T]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows runs on plain qasync")


@pytest.fixture
def run(qapp: QApplication) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Run an async function to its end on a fresh loop, bounded."""

    def runner(main: Callable[[], Awaitable[Any]]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(30):
                return await main()

        with asyncio.Runner(loop_factory=lambda: FleetLoop(qapp)) as running:
            return running.run(bounded())

    return runner


def the_loop() -> FleetLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FleetLoop)
    return loop


def test_callbacks_run_in_the_order_in_which_they_were_scheduled(run: Run[list[int]]) -> None:
    async def main() -> list[int]:
        seen: list[int] = []
        done = asyncio.Event()
        for number in range(1_000):
            the_loop().call_soon(seen.append, number)
        the_loop().call_soon(done.set)
        await done.wait()
        return seen

    assert run(main) == list(range(1_000))


def test_timers_of_one_instant_run_in_order_and_later_ones_later(run: Run[list[str]]) -> None:
    async def main() -> list[str]:
        loop, seen, done = the_loop(), list[str](), asyncio.Event()
        when = loop.time() + 0.01
        loop.call_at(when + 0.005, done.set)
        for name in "abc":
            loop.call_at(when, seen.append, name)
        loop.call_at(when - 0.005, seen.append, "first")
        await done.wait()
        return seen

    assert run(main) == ["first", "a", "b", "c"]


def test_a_timer_never_fires_early(run: Run[float]) -> None:
    async def main() -> float:
        loop = the_loop()
        early = 0.0
        for milliseconds in (0.1, 0.9, 1, 1.5, 3, 7, 20):
            due = loop.time() + milliseconds / 1_000
            fired = loop.create_future()
            loop.call_at(due, fired.set_result, None)
            await fired
            early = max(early, due - loop.time())
        return early

    assert run(main) <= 0.0


def test_cancelled_callbacks_and_timers_do_not_run(run: Run[list[str]]) -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        the_loop().call_soon(seen.append, "soon").cancel()
        the_loop().call_later(0, seen.append, "timer").cancel()
        due = the_loop().call_later(0.001, seen.append, "cancelled when due")
        the_loop().call_later(0.0005, due.cancel)
        await asyncio.sleep(0.01)
        return seen

    assert run(main) == []


def test_cancelled_timers_leave_the_heap_before_they_are_due(run: Run[tuple[int, int]]) -> None:
    async def main() -> tuple[int, int]:
        loop, seen = the_loop(), list[int]()
        kept = [loop.call_later(3_600 + number, seen.append, number) for number in range(100)]
        for _ in range(10_000):
            loop.call_later(30, seen.append, -1).cancel()
        held = len(loop._timers)
        for handle in kept:
            handle.cancel()
        await asyncio.sleep(0)
        return held, len(loop._timers)

    held, rest = run(main)
    assert held <= 2 * 100 + 70
    assert rest <= 66  # the sleep above, and as many cancelled ones as are not worth clearing


def test_wait_for_leaves_no_timers(run: Run[int]) -> None:
    async def main() -> int:
        async def answer() -> None:
            await asyncio.sleep(0)

        for _ in range(20):
            await asyncio.gather(*(asyncio.wait_for(answer(), 60) for _ in range(100)))
        return len(the_loop()._timers)

    assert run(main) < 300


def test_threads_wake_an_idle_loop_and_keep_their_order(run: Run[list[int]]) -> None:
    async def main() -> list[int]:
        loop, seen, done = the_loop(), list[int](), asyncio.Event()

        def work() -> None:
            for number in range(2_000):
                loop.call_soon_threadsafe(seen.append, number)
            loop.call_soon_threadsafe(done.set)

        thread = threading.Thread(target=work)
        thread.start()
        await done.wait()
        thread.join()
        return seen

    assert run(main) == list(range(2_000))


def test_many_threads_lose_no_callback(run: Run[int]) -> None:
    async def main() -> int:
        loop, seen, done = the_loop(), list[int](), asyncio.Event()

        def note(number: int) -> None:
            seen.append(number)
            if len(seen) == 4_000:
                done.set()

        def work() -> None:
            for number in range(1_000):
                loop.call_soon_threadsafe(note, number)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        await done.wait()
        for thread in threads:
            thread.join()
        return len(seen)

    assert run(main) == 4_000


def test_executors_return_results_and_exceptions(run: Run[tuple[int, str]]) -> None:
    async def main() -> tuple[int, str]:
        def fail() -> None:
            raise ValueError("from the thread")

        result = await the_loop().run_in_executor(None, threading.get_ident)
        assert result != threading.get_ident()
        with pytest.raises(ValueError, match="from the thread") as caught:
            await asyncio.to_thread(fail)
        return 1, str(caught.value)

    assert run(main) == (1, "from the thread")


def test_sockets_and_name_resolution(run: Run[bytes]) -> None:
    async def main() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.readexactly(300_000))[::-1])
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "localhost", 0, family=socket.AF_INET)
        port = server.sockets[0].getsockname()[1]
        assert await the_loop().getaddrinfo("localhost", port, type=socket.SOCK_STREAM)
        reader, writer = await asyncio.open_connection("localhost", port, family=socket.AF_INET)
        writer.write(bytes(range(256)) * 1_171 + bytes(224))
        received = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return received

    assert run(main) == (bytes(range(256)) * 1_171 + bytes(224))[::-1]


def test_a_refused_connection_raises(run: Run[None]) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", taken.getsockname()[1])

    run(main)


def test_subprocesses_are_reaped(run: Run[bytes]) -> None:
    async def main() -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print('child')", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.strip()

    assert run(main) == b"child"


def test_what_a_callback_raises_goes_to_the_exception_handler_and_the_loop_lives(run: Run[list[str]]) -> None:
    async def main() -> list[str]:
        seen: list[str] = []

        def fail() -> None:
            raise RuntimeError("a callback")

        the_loop().set_exception_handler(lambda _, context: seen.append(str(context["exception"])))
        the_loop().call_soon(fail)
        the_loop().call_later(0, fail)
        await asyncio.sleep(0.01)
        return seen

    assert run(main) == ["a callback", "a callback"]


def test_system_exit_in_a_callback_ends_the_run(qapp: QApplication) -> None:
    async def main() -> None:
        the_loop().call_soon(sys.exit, 3)
        await asyncio.sleep(30)

    with pytest.raises(SystemExit) as caught, asyncio.Runner(loop_factory=lambda: FleetLoop(qapp)) as runner:
        runner.run(main())
    assert caught.value.code == 3


def test_nothing_runs_after_the_loop_has_stopped(qapp: QApplication) -> None:
    seen: list[str] = []
    loop = FleetLoop(qapp)

    async def main() -> None:
        loop.call_soon(loop.call_soon, seen.append, "too late")

    loop.run_until_complete(main())
    before = list(seen)
    qapp.processEvents()
    assert seen == before
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == ["too late"]
    loop.close()


def test_a_loop_that_was_closed_refuses(qapp: QApplication) -> None:
    loop = FleetLoop(qapp)
    loop.close()
    loop.close()
    for schedule in (loop.call_soon, loop.call_soon_threadsafe):
        with pytest.raises(RuntimeError, match="closed"):
            schedule(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)


def test_a_busy_queue_leaves_qt_its_turn(run: Run[tuple[int, float]]) -> None:
    """A task that never sleeps, beside a Qt timer: asyncio's next slice comes after Qt's events."""

    async def main() -> tuple[int, float]:
        ticks = 0
        watch = QTimer()

        def tick() -> None:
            nonlocal ticks
            ticks += 1

        watch.timeout.connect(tick)
        watch.start(1)
        turns = 0
        while ticks < 20:
            await asyncio.sleep(0)
            turns += 1
        watch.stop()
        return ticks, turns

    ticks, turns = run(main)
    assert ticks == 20
    assert turns > 20
    assert SLICE < 0.016


def test_painting_goes_on_while_the_queue_is_busy(run: Run[int]) -> None:
    async def main() -> int:
        class Painted(QObject):
            updates = 0

            def event(self, event: QEvent) -> bool:
                self.updates += 1
                return True

        painted = Painted()
        while painted.updates < 50:
            QApplication.postEvent(painted, QEvent(QEvent.Type.UpdateRequest))
            await asyncio.sleep(0)
        return painted.updates

    assert run(main) >= 50


def test_a_nested_exec_in_a_task_holds_other_tasks_and_loses_none(run: Run[list[str]]) -> None:
    async def main() -> list[str]:
        seen: list[str] = []

        async def other() -> None:
            await asyncio.sleep(0.005)
            seen.append("other")

        waiting = asyncio.ensure_future(other())
        await asyncio.sleep(0)
        nested = QEventLoop()
        QTimer.singleShot(30, nested.quit)
        the_loop().call_soon_threadsafe(seen.append, "from a thread")
        nested.exec()
        seen.append("nested is over")
        await waiting
        return seen

    assert sorted(run(main)) == ["from a thread", "nested is over", "other"]


def test_a_nested_exec_in_a_slot_lets_tasks_go_on(run: Run[list[str]]) -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        over = asyncio.Event()

        def slot() -> None:
            nested = QEventLoop()
            asyncio.get_running_loop().call_later(0.005, nested.quit)
            nested.exec()
            seen.append("nested is over")
            over.set()

        QTimer.singleShot(0, slot)
        await over.wait()
        return seen

    assert run(main) == ["nested is over"]


def test_asynchronous_generators_are_closed_with_the_runner(qapp: QApplication) -> None:
    closed: list[bool] = []

    async def numbers() -> Any:
        try:
            for number in range(10):
                yield number
        finally:
            closed.append(True)

    kept: list[Any] = []

    async def main() -> None:
        generator = numbers()
        kept.append(generator)
        await anext(generator)

    with asyncio.Runner(loop_factory=lambda: FleetLoop(qapp)) as runner:
        runner.run(main())
    assert closed == [True]


def test_what_is_left_at_the_end_is_cancelled_inside_the_loop(qapp: QApplication) -> None:
    ended: list[str] = []

    async def left_over() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            asyncio.get_running_loop()
            await asyncio.sleep(0)
            ended.append("cleanly")

    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        tasks.append(asyncio.ensure_future(left_over()))
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=lambda: FleetLoop(qapp)) as runner:
        runner.run(main())
    assert ended == ["cleanly"]
    assert tasks[0].cancelled()


SIGNALLED = """
import asyncio, os, signal, sys, threading
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication
from fleetgui.app.loop import FleetLoop
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
app = QApplication([])
async def main():
    quit = asyncio.Event()
    if sys.argv[1] == "handler":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, quit.set)
    print("ready", flush=True)
    await quit.wait()
    print("quit", flush=True)
with asyncio.Runner(loop_factory=lambda: FleetLoop(app)) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize(
    ("how", "number", "code", "said"),
    [
        ("handler", signal.SIGTERM, 0, "quit"),
        ("handler", signal.SIGINT, 0, "quit"),
        ("runner", signal.SIGINT, -signal.SIGINT, "KeyboardInterrupt"),
    ],
)
def test_a_signal_wakes_an_idle_loop(how: str, number: signal.Signals, code: int, said: str) -> None:
    """`runner` has no handler of ours: asyncio.Runner's own has to be run by the wake-up."""
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", SIGNALLED, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert said in out
    assert process.returncode == code


NONE = """
import asyncio, gc, sys
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication
from fleetgui.app.loop import FleetLoop
app = QApplication([])
class Sink(QObject):
    seen = 0
    def event(self, event):
        self.seen += 1
        return True
async def main():
    sink, timer = Sink(), QTimer()
    timer.timeout.connect(lambda: None)
    timer.start(0)
    await asyncio.sleep(0.01)
    gc.collect()
    before = sys.getrefcount(None)
    while sink.seen < 10_000:
        for _ in range(100):
            QApplication.postEvent(sink, QEvent(QEvent.Type.User))
        await asyncio.sleep(0.0005)
    gc.collect()
    print(sink.seen, before - sys.getrefcount(None))
with asyncio.Runner(loop_factory=lambda: FleetLoop(app)) as runner:
    runner.run(main())
"""


def test_qt_events_do_not_eat_references_to_none() -> None:
    """PySide6 6.12.0 on Python 3.11 loses one per void call, and aborts after some thousand."""
    out = subprocess.check_output(
        [sys.executable, "-c", NONE], text=True, timeout=60, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    )
    seen, fell = map(int, out.split())
    assert seen >= 10_000
    assert fell < 1_000


def test_the_factory_makes_this_loop_where_it_was_soaked(qapp: QApplication) -> None:
    loop = loop_factory(qapp)()
    assert isinstance(loop, FleetLoop)
    loop.close()
