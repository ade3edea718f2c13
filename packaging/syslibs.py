"""The system libraries that Qt needs and a wheel cannot bring along: finding them, naming them, installing them.

Standard library only, for `bootstrap.py`, which runs before anything is installed. On macOS and Windows the
wheels are complete, so nothing here applies. On Linux the dynamic linker itself is asked (`ldd`) what the
files that will be loaded miss: a list of packages kept by hand would be wrong on the next distribution.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# Debian's and Ubuntu's package for each library that PySide6's wheels load and a bare system may lack.
DEBIAN_PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libbrotlicommon.so.1": "libbrotli1",
    "libbrotlidec.so.1": "libbrotli1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libdrm.so.2": "libdrm2",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgcc_s.so.1": "libgcc-s1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libstdc++.so.6": "libstdc++6",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}
# Not a library: without any font Qt starts and every text is invisible. It stands in the lists like one.
FONT = "a font"
APT_GET_INSTALL = ("apt-get", "install", "-y", "--no-install-recommends")
FONT_PACKAGES = {"apt-get": "fonts-dejavu-core", "dnf": "dejavu-sans-fonts", "zypper": "dejavu-fonts"}

# What is loaded whatever the display is. QtNetwork for its Kerberos library, QtTest for the test suite.
COMMON_FILES = (
    "QtWidgets.abi3.so",
    "QtSvg.abi3.so",
    "QtNetwork.abi3.so",
    "QtTest.abi3.so",
    "Qt/plugins/iconengines/libqsvgicon.so",
    "Qt/plugins/imageformats/libqsvg.so",
)
# A platform plugin loads these later, by itself.
PLATFORM_FILES = {"wayland": ("Qt/plugins/wayland-shell-integration/libxdg-shell.so",)}

# The oldest C library that the locked PySide6's wheels run on, by machine; pip only says "no matching distribution".
OLDEST_GLIBC = {"x86_64": (2, 34), "aarch64": (2, 39)}


def glibc_fault() -> str:
    """Why Qt's wheels cannot be installed on this Linux at all; empty if they can."""
    machine = platform.machine()
    needed = OLDEST_GLIBC.get(machine)
    if not sys.platform.startswith("linux") or needed is None:
        return ""
    name, version = platform.libc_ver()
    wanted = f"PySide6 needs glibc {needed[0]}.{needed[1]} or newer on {machine}"
    if name != "glibc":
        return f"{wanted}; this system has another C library."
    if tuple(int(part) for part in version.split(".")[:2]) < needed:
        return f"{wanted}; this system has {version}."
    return ""


def qt_platform(args: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """The name of the platform plugin that Qt will load on Linux, None if there is no display for one.

    It follows Qt's own order, so that nobody on Wayland is asked to install the libraries of X.
    """
    if "--offscreen" in args:
        return "offscreen"
    if chosen := re.split("[:;]", environ.get("QT_QPA_PLATFORM", ""))[0]:
        return "wayland" if chosen.startswith("wayland") else chosen
    x11, wayland = bool(environ.get("DISPLAY")), bool(environ.get("WAYLAND_DISPLAY"))
    if wayland and (not x11 or environ.get("XDG_SESSION_TYPE") == "wayland"):
        return "wayland"
    return "xcb" if x11 else None


def missing_libraries(pyside: Path, plugin: str) -> list[str]:
    """The libraries that the linker does not find for Qt with this platform plugin; and FONT, if there is none."""
    names = (*COMMON_FILES, f"Qt/plugins/platforms/libq{plugin}.so", *PLATFORM_FILES.get(plugin, ()))
    files = [str(pyside / name) for name in names if (pyside / name).exists()]
    ldd = shutil.which("ldd")
    if not files or ldd is None:
        return []
    listing = subprocess.run([ldd, *files], capture_output=True, text=True, check=False)
    missing = not_found(listing.stdout)
    # Without fontconfig nobody can say whether there is a font; then there hardly is one, and asking twice would annoy.
    if "libfontconfig.so.1" in missing or not has_font():
        missing.append(FONT)
    return missing


def not_found(listing: str) -> list[str]:
    """The libraries that a listing of `ldd` reports as not found, each once, in order."""
    return sorted(set(re.findall(r"^\s*(\S+) => not found", listing, re.MULTILINE)))


def has_font() -> bool:
    """Whether fontconfig, which Qt asks too, knows any font; True if it cannot be asked."""
    try:
        fontconfig = ctypes.CDLL("libfontconfig.so.1")
        fontconfig.FcConfigGetFonts.restype = ctypes.POINTER(ctypes.c_int)
        fontconfig.FcInitReinitialize()  # a font may have been installed since this process asked first
        fonts = fontconfig.FcConfigGetFonts(None, 0)
    except (OSError, AttributeError):
        return True
    return bool(fonts) and fonts[0] > 0  # the set's first member is the count


def install_command(missing: Iterable[str], manager: str | None) -> list[str] | None:
    """The command that installs what is missing with this package manager; None if nobody can know it."""
    if manager == "apt-get":
        known = {**DEBIAN_PACKAGES, FONT: FONT_PACKAGES[manager]}
        packages = {known[name] for name in missing if name in known}
        return [*APT_GET_INSTALL, *sorted(packages)] if packages else None
    if manager in ("dnf", "zypper"):  # these find a package by the library that it provides
        wide = "()(64bit)" if sys.maxsize > 2**32 else ""
        packages = {FONT_PACKAGES[manager] if name == FONT else name + wide for name in missing}
        return [manager, "install", "-y", *sorted(packages)]
    return None


def package_manager() -> str | None:
    """The package manager of this system, if it is one for which a command is known."""
    return next((name for name in ("apt-get", "dnf", "zypper") if shutil.which(name)), None)


def is_root() -> bool:
    """Whether this process may install system packages."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def advice(missing: Sequence[str], manager: str | None) -> str:
    """What the user reads when the libraries are not installed for them: every name, and what to type."""
    names = ", ".join(missing)
    command = install_command(missing, manager)
    if command is None:
        return f"Qt needs {names}, which this system does not have. Install the packages that contain them."
    prefix = "" if is_root() else "sudo "
    text = (
        f"Qt needs {names}, which this system does not have. Install them with:\n\n    {prefix}{shlex.join(command)}\n"
    )
    unknown = [name for name in missing if name != FONT and name not in DEBIAN_PACKAGES]
    if manager == "apt-get" and unknown:
        text += f"\nNo package is known here for: {', '.join(unknown)}."
    return text


def apt_get_install(packages: Sequence[str]) -> bool:
    """Install Debian packages as root without asking; refresh the package lists only if that turns out to be needed."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}

    def run(*command: str) -> bool:
        done = subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        return done.returncode == 0

    # A fresh machine is often busy with its own updates, which hold apt's lock for a minute or two.
    install = (*APT_GET_INSTALL, "-o", "DPkg::Lock::Timeout=180", *packages)
    return run(*install) or (run("apt-get", "update") and run(*install))
