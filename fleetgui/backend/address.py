"""The port of a broker with a store: any that is free at its first start, and the same one at every later start.

Devices were told it. It stands in the store, in `port`, until `--listen` names another. Blocks as the file system does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fleetgui.backend.private import write_private

FILE: Final = "port"


class AddressUnusable(Exception):
    """The port cannot be read or kept. The text is one sentence and says what to do."""


def kept_port(store: Path) -> int:
    """The port that the store's broker had last, 0 when it had none; raises `AddressUnusable`."""
    file = store / FILE
    try:
        text = file.read_bytes()[:16].strip()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise AddressUnusable(f"the port in {file} cannot be read: {error.strerror}") from None
    if text.isdigit() and 0 < int(text) <= 65535:
        return int(text)
    raise AddressUnusable(f"{file} holds no port: name the one that devices connect to with --listen 127.0.0.1:PORT")


def keep_port(store: Path, port: int) -> None:
    """Remember `port`; raises `AddressUnusable`."""
    try:
        write_private(store / FILE, f"{port}\n")
    except OSError as error:
        raise AddressUnusable(f"nothing can be stored in {store}: {error.strerror}") from None
