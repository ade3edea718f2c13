"""Files that hold secrets: whole or not there at all, and for nobody but this user.

Standard library alone; blocks for as long as the file system does.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_private(target: Path, text: str) -> None:
    """Write `text` so that nobody ever reads a part of it, and nobody but this user any of it. Raises `OSError`."""
    draft = _draft(target, text)
    try:
        draft.replace(target)
    except OSError:
        _remove(draft)
        raise


def write_private_once(target: Path, text: str) -> bool:
    """As `write_private`, unless `target` is there already: then it stays as it is, and False comes back.

    Of several who try at once, one succeeds.
    """
    draft = _draft(target, text)
    try:
        os.link(draft, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: nearly as good
        if target.exists():
            return False
        draft.replace(target)
    finally:
        _remove(draft)
    return True


def _draft(target: Path, text: str) -> Path:
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # a name that outlives a power cut must not name an empty file
    except OSError:
        _remove(draft)
        raise
    return draft


def _remove(draft: Path) -> None:
    with contextlib.suppress(OSError):
        draft.unlink()
