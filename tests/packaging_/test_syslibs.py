"""Which libraries Qt will need, what is missing, and what the user is told to type."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import syslibs
from syslibs import FONT, advice, install_command, missing_libraries, not_found, qt_platform

LISTING = """\
/x/libqxcb.so:
\tlinux-vdso.so.1 (0x00007f8cac0a5000)
\tlibxcb-icccm.so.4 => not found
\tlibxcb.so.1 => /lib/x86_64-linux-gnu/libxcb.so.1 (0x00007f8cab34d000)
\tlibxcb-cursor.so.0 => not found
/x/QtWidgets.abi3.so:
\tlibxcb-icccm.so.4 => not found
"""


@pytest.mark.parametrize(
    ("args", "environ", "plugin"),
    [
        ([], {}, None),
        ([], {"DISPLAY": "", "WAYLAND_DISPLAY": ""}, None),
        ([], {"DISPLAY": ":0"}, "xcb"),
        ([], {"WAYLAND_DISPLAY": "wayland-0"}, "wayland"),
        ([], {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0", "XDG_SESSION_TYPE": "wayland"}, "wayland"),
        ([], {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0", "XDG_SESSION_TYPE": "x11"}, "xcb"),
        (["--offscreen"], {}, "offscreen"),
        (["--offscreen"], {"DISPLAY": ":0"}, "offscreen"),
        ([], {"QT_QPA_PLATFORM": "offscreen"}, "offscreen"),
        ([], {"QT_QPA_PLATFORM": "vnc:port=5900"}, "vnc"),
        ([], {"QT_QPA_PLATFORM": "wayland-egl;xcb"}, "wayland"),
    ],
)
def test_the_platform_is_the_one_that_qt_will_load(
    args: list[str], environ: dict[str, str], plugin: str | None
) -> None:
    assert qt_platform(args, environ) == plugin


def test_each_missing_library_is_named_once() -> None:
    assert not_found(LISTING) == ["libxcb-cursor.so.0", "libxcb-icccm.so.4"]


@pytest.fixture
def pyside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with the files of PySide6 that are looked at, and a linker that finds what LISTING says."""
    for name in ("QtWidgets.abi3.so", "Qt/plugins/platforms/libqxcb.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, LISTING))
    monkeypatch.setattr(syslibs, "has_font", lambda: True)
    return tmp_path


def test_the_linker_is_asked_about_the_plugin_of_the_platform(pyside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.extend(command)
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(subprocess, "run", run)

    assert missing_libraries(pyside, "xcb") == []
    assert asked == [
        "/usr/bin/ldd",
        str(pyside / "QtWidgets.abi3.so"),
        str(pyside / "Qt/plugins/platforms/libqxcb.so"),
    ]


def test_a_system_without_any_font_misses_one(pyside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslibs, "has_font", lambda: False)

    assert missing_libraries(pyside, "xcb") == ["libxcb-cursor.so.0", "libxcb-icccm.so.4", FONT]


def test_debian_gets_packages_by_name() -> None:
    missing = ["libglib-2.0.so.0", "libgthread-2.0.so.0", "libxcb-icccm.so.4", FONT]

    assert install_command(missing, "apt-get") == [
        *syslibs.APT_GET_INSTALL,
        "fonts-dejavu-core",
        "libglib2.0-0",
        "libxcb-icccm4",
    ]


def test_rpm_systems_get_the_libraries_themselves() -> None:
    assert install_command(["libEGL.so.1", FONT], "dnf") == [
        "dnf",
        "install",
        "-y",
        "dejavu-sans-fonts",
        "libEGL.so.1()(64bit)",
    ]


def test_the_advice_names_every_library_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslibs, "is_root", lambda: False)

    text = advice(["libEGL.so.1", "libnew.so.9"], "apt-get")

    assert "Qt needs libEGL.so.1, libnew.so.9" in text
    assert "    sudo apt-get install -y --no-install-recommends libegl1\n" in text
    assert "No package is known here for: libnew.so.9." in text


def test_the_advice_for_an_unknown_system_still_names_every_library() -> None:
    assert "libEGL.so.1" in advice(["libEGL.so.1"], None)


@pytest.mark.parametrize(
    ("machine", "libc", "fault"),
    [
        ("x86_64", ("glibc", "2.31"), "PySide6 needs glibc 2.34 or newer on x86_64; this system has 2.31."),
        ("aarch64", ("glibc", "2.36"), "PySide6 needs glibc 2.39 or newer on aarch64; this system has 2.36."),
        ("x86_64", ("", ""), "PySide6 needs glibc 2.34 or newer on x86_64; this system has another C library."),
        ("x86_64", ("glibc", "2.36"), ""),
    ],
)
def test_a_c_library_that_is_too_old_for_qt_is_named(
    machine: str, libc: tuple[str, str], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)

    assert syslibs.glibc_fault() == fault


def test_installing_refreshes_the_package_lists_only_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter([100, 0, 0])
    ran: list[str] = []

    def run(command: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command[1])
        return subprocess.CompletedProcess(command, next(results))

    monkeypatch.setattr(subprocess, "run", run)

    assert syslibs.apt_get_install(["libegl1"])
    assert ran == ["install", "update", "install"]
