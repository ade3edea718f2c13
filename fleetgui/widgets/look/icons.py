"""The program's icon, from the resources: `fleetgui/_resources` when installed, else the folder of the source."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtGui import QIcon

_PACKAGE: Final = Path(__file__).resolve().parents[2]
SIZES: Final = (16, 24, 32, 48, 64, 128, 256)


def resources() -> Path:
    """The folder of the resources; it may be missing in a damaged installation."""
    installed = _PACKAGE / "_resources"
    return installed if installed.is_dir() else _PACKAGE.parent / "resources"


def app_icon() -> QIcon:
    """The icon in every size that is there; an empty one when none is."""
    icon = QIcon()
    for size in SIZES:
        file = resources() / "icons" / f"fleetgui-{size}.png"
        if file.is_file():
            icon.addFile(str(file))
    return icon
