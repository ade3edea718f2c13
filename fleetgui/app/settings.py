"""What the console remembers between starts: window layout, columns, theme. No secret is ever stored here.

One JSON file a user, written to a temporary file and renamed: a crash while saving leaves the previous one. What
cannot be read is set aside with the suffix `.unreadable` and the defaults are used.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import Any

from fleetgui.app.files import write_whole

log = logging.getLogger("fleetgui.settings")


def default_path() -> Path:
    """Where settings live on this platform; `FLEETGUI_CONFIG_DIR` overrides the folder."""
    if folder := os.environ.get("FLEETGUI_CONFIG_DIR"):
        return Path(folder) / "settings.json"
    import platformdirs  # only needed here, once

    return Path(platformdirs.user_config_dir("fleetgui", appauthor=False)) / "settings.json"


class Settings:
    """A JSON object with sections. Reading never fails; saving reports whether it worked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values: dict[str, Any] = {}
        try:
            loaded = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(loaded, dict):
                raise ValueError("not an object")
            self._values = loaded
        except FileNotFoundError:
            pass
        except (OSError, ValueError, RecursionError) as error:
            log.warning("settings could not be read (%s); starting with defaults", error)
            with contextlib.suppress(OSError):
                path.replace(path.with_suffix(".unreadable"))

    def get(self, section: str) -> dict[str, Any]:
        """A section as a dict; {} when it was never saved or is no object."""
        value = self._values.get(section)
        return dict(value) if isinstance(value, dict) else {}

    def put(self, section: str, value: dict[str, Any]) -> None:
        self._values[section] = value

    def save(self) -> bool:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, json.dumps(self._values, indent=1))
        except (OSError, TypeError, ValueError) as error:
            log.warning("settings could not be saved to %s: %s", self.path, error)
            return False
        return True
