"""A role for tests, `python -m tests.backend.stuck`: it hangs as its settings say, the first time that it is started.

`how`: "late" blocks before it is ready, for `seconds`; "blocked" for ever after; "logs" says something of every kind;
anything else does nothing.
`mark`: a file that it leaves behind, by which the next one knows that it is not the first.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from pathlib import Path

from fleetgui.backend.parent import Parent, run_role

log = logging.getLogger(__name__)


def is_first(mark: Path) -> bool:
    first = not mark.exists()
    mark.touch()
    return first


async def main(parent: Parent) -> None:
    how, mark = parent.settings["how"], Path(parent.settings["mark"])
    first = is_first(mark)
    if first and how == "late":
        threading.Event().wait(parent.settings["seconds"])
    parent.ready()
    if first and how == "blocked":
        asyncio.get_running_loop().call_later(0.1, threading.Event().wait)
    if how == "logs":
        sys.stderr.write("no log of anybody's\n")
        sys.stderr.flush()
        try:
            raise KeyError("x")
        except KeyError:
            log.exception("it broke")
        log.info("it goes on")
    await parent.ended.wait()


if __name__ == "__main__":
    sys.exit(run_role(main))
