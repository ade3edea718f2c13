#!/usr/bin/env python3
"""Set FleetGUI up in this checkout and run it; needs nothing but Python 3.11 or newer.

    python3 packaging/bootstrap.py demo [ARGS...]   a simulated fleet and the console on it (fleetgui demo ARGS)
    python3 packaging/bootstrap.py run [ARGS...]    the console itself (fleetgui ARGS)
    python3 packaging/bootstrap.py test [ARGS...]   lint, types, import layers and tests; with ARGS pytest alone
    python3 packaging/bootstrap.py soak [ARGS...]   the tests that take minutes of real time or load
    python3 packaging/bootstrap.py lock [ARGS...]   re-make the locks; --upgrade takes the newest versions

The first run makes `.venv` in the checkout, installs what the lock names (each file checked by its hash) and
looks for the system libraries that Qt needs. Later runs find the stamp that the first one left there, and
start at once. A set-up that was interrupted is started over by the next run.
"""

# Up to the version check, this file has to run on any Python 3. Standard library only, throughout.
from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the check is for those who do not have it
    sys.exit(f"FleetGUI needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.")

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import syslibs
from environments import (
    INTEROP,
    LOCKS,
    PROJECT,
    ROOT,
    Environment,
    SetupError,
    prepare,
    require_ensurepip,
    run_or_fail,
    say,
)

# Commands of the program that open no window, and so need neither a display nor Qt's libraries.
WINDOWLESS = {"serve", "snapshot", "diff", "check", "info", "--help", "-h", "--version"}
NO_DISPLAY = """\
There is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set). To draw into a file \
instead, run:

    python3 packaging/bootstrap.py {} --offscreen --screenshot fleet.png --exit-after 20
"""


def provide_libraries(platform: str) -> None:
    """See to the system libraries that Qt needs on this platform: look, as root on Debian install, else explain."""
    stamp = PROJECT.read_stamp()
    if stamp is None or not sys.platform.startswith("linux") or platform in stamp.platforms:
        return
    pyside = PROJECT.packages / "PySide6"
    manager = syslibs.package_manager()
    missing = syslibs.missing_libraries(pyside, platform)
    command = syslibs.install_command(missing, manager)
    if missing and command and manager == "apt-get" and syslibs.is_root():
        say(f"Qt needs {', '.join(missing)}: {shlex.join(command)}")
        if not syslibs.apt_get_install(command[len(syslibs.APT_GET_INSTALL) :]):
            raise SetupError(
                "apt-get could not install them; its own words are above.\n" + syslibs.advice(missing, manager)
            )
        missing = syslibs.missing_libraries(pyside, platform)
    if missing:
        raise SetupError(syslibs.advice(missing, manager))
    stamp.platforms.append(platform)
    PROJECT.write_stamp(stamp)


def hand_over(command: Sequence[str], environ: dict[str, str] | None = None) -> NoReturn:
    """Become the program, so that signals reach it; on Windows, where nothing can, wait and pass its exit code on."""
    environ = environ or dict(os.environ)
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], list(command), environ)  # noqa: S606 - without a shell is the point
    with subprocess.Popen(command, env=environ) as child:
        while True:
            try:
                sys.exit(child.wait())
            except KeyboardInterrupt:
                continue  # the child got it too, and decides


def run_program(command: str, args: Sequence[str]) -> NoReturn:
    """`demo` and `run`: the program with its arguments, in the caller's folder."""
    words = [command, *args] if command == "demo" else list(args)
    platform = None
    if sys.platform.startswith("linux") and not WINDOWLESS & set(words):
        platform = syslibs.qt_platform(args, os.environ)
        if platform is None:
            print(NO_DISPLAY.format(command), file=sys.stderr)
            sys.exit(2)
    prepare(PROJECT, "requirements.txt")
    if platform:
        provide_libraries(platform)
    # -P: a folder of the caller's that is called like one of our packages is not imported.
    hand_over([str(PROJECT.python), "-P", "-m", "fleetgui", *words])


def prepare_tests() -> dict[str, str]:
    """What `test` and `soak` need; returns the environment variables for them."""
    environ = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    prepare(PROJECT, "requirements-dev.txt")
    provide_libraries(syslibs.qt_platform([], environ) or "offscreen")
    try:
        prepare(INTEROP, "requirements-interop.txt")
    except SetupError as error:
        shutil.rmtree(INTEROP.folder, ignore_errors=True)  # the tests take its presence for its completeness
        left_out("device-connect-server and device-connect-edge", str(error))
    else:
        if (folder := provide_etcd()) is not None:
            environ["PATH"] += f"{os.pathsep}{folder}"
    return environ


def left_out(what: str, why: str) -> None:
    say(f"left out: {what}. {why} The interoperability tests that need it will be reported as skipped.")


def provide_etcd() -> Path | None:
    """The folder to add to PATH for Debian's etcd, unless one is on PATH already or none can be had.

    The package is unpacked, not installed: installing it would start a service and needs root.
    """
    folder = INTEROP.folder / "etcd"
    if shutil.which("etcd"):
        return None
    if (folder / "etcd").exists():
        return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        left_out("etcd", "It is not on PATH, and only on Debian and Ubuntu it is fetched from here.")
        return None

    def quietly(*command: str) -> bool:
        done = subprocess.run(
            command, cwd=scratch, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=300, check=False
        )
        return done.returncode == 0

    say("fetching etcd (Debian's package etcd-server, unpacked into .venv-interop, not installed)")
    # As root, apt-get would otherwise complain that its own user cannot write into our folder.
    download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "etcd-server"]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        try:
            fetched = quietly(*download) or (syslibs.is_root() and quietly("apt-get", "update") and quietly(*download))
            package = next(iter(scratch.glob("*.deb")), None)
            if not fetched or package is None or not quietly("dpkg-deb", "-x", str(package), "tree"):
                left_out("etcd", "apt-get could not fetch it; its own words are above.")
                return None
        except subprocess.TimeoutExpired:
            left_out("etcd", "apt-get did not end within five minutes.")
            return None
        folder.mkdir(exist_ok=True)
        shutil.move(scratch / "tree/usr/bin/etcd", folder / "etcd")
    return folder


WHOLE_SUITE: Final = ("-n", "auto", "--dist", "loadfile")
"""A process for each core: most tests wait for other processes. A file's tests stay together, as its servers do."""


def run_tests(args: Sequence[str]) -> int:
    """`test`: each check in turn, up to the first that fails; with arguments only pytest, with these."""
    environ = prepare_tests()
    os.chdir(ROOT)
    python = str(PROJECT.python)
    pytest = [python, "-m", "pytest", *(args or WHOLE_SUITE)]
    checks = {
        "ruff check": [python, "-m", "ruff", "check"],
        "ruff format": [python, "-m", "ruff", "format", "--check"],
        "mypy": [python, "-m", "mypy"],
        "import layers": [str(PROJECT.scripts / "lint-imports")],
    }
    for name, command in {} if args else checks.items():
        print(f"\n=== {name}", flush=True)
        status = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, check=False).returncode
        if status != 0:
            say(f"{name} failed (exit status {status}); the steps after it were not run")
            return status
    print("\n=== pytest", flush=True)
    hand_over(pytest, environ)


def run_soak(args: Sequence[str]) -> NoReturn:
    """`soak`: the long tests, with an hour and a half for each instead of the usual two minutes."""
    environ = prepare_tests()
    os.chdir(ROOT)
    hand_over([str(PROJECT.python), "-m", "pytest", "-m", "soak", "--timeout", "5400", *(args or ["tests"])], environ)


# In this order: each may be constrained by one before it.
LOCK_SOURCES = {
    "requirements-build.txt": ["--group", "build"],
    "requirements.txt": ["pyproject.toml"],
    "requirements-dev.txt": ["pyproject.toml", "--group", "dev", "--constraints", "packaging/requirements.txt"],
    "requirements-interop.txt": ["--group", "interop"],
}
LOCK_HEADER = "# Made by `python3 packaging/bootstrap.py lock` from pyproject.toml; never edited by hand.\n"
LOCK_LINE = re.compile(r"[A-Za-z0-9._-]+==\S+( ; [^\\]+)?( \\)?|    --hash=sha256:[0-9a-f]{64}( \\)?")


def make_locks(args: Sequence[str]) -> int:
    """`lock`: every version and hash, for all systems at once, and nothing about where they came from."""
    options = "--universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet"
    os.chdir(ROOT)
    require_ensurepip()
    with tempfile.TemporaryDirectory() as name:
        scratch = Environment(Path(name) / "uv")
        run_or_fail([sys.executable, "-m", "venv", str(scratch.folder)], "no environment could be made for uv")
        run_or_fail([str(scratch.python), "-m", "pip", "install", "--quiet", "uv"], "pip could not install uv")
        for lock, source in LOCK_SOURCES.items():
            made = Path(name) / lock
            if (LOCKS / lock).exists():
                shutil.copy(LOCKS / lock, made)  # its pins hold unless --upgrade is given
            command = [str(scratch.python), "-m", "uv", "pip", "compile", *source, *options.split(), *args]
            run_or_fail([*command, "--output-file", str(made)], f"uv could not make {lock}")
            lines = [line for line in made.read_text("utf-8").splitlines() if line and not line.startswith("#")]
            if strange := [line for line in lines if not LOCK_LINE.fullmatch(line)]:
                raise SetupError(f"{lock} would hold more than pins and hashes: {strange[0]!r}.")
            (LOCKS / lock).write_text(LOCK_HEADER + "\n".join(lines) + "\n", "utf-8", newline="\n")
            say(f"{lock}: {sum('==' in line for line in lines)} pins")
    return 0


def main(argv: Sequence[str]) -> int:
    command, args = (argv[0], argv[1:]) if argv else ("", ())
    if command in ("-h", "--help"):
        print(__doc__)
        return 0
    try:
        if command in ("demo", "run"):
            run_program(command, args)
        if command == "test":
            return run_tests(args)
        if command == "soak":
            run_soak(args)
        if command == "lock":
            return make_locks(args)
    except SetupError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"the set-up failed: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    wrong = f"there is no command {command!r}" if command else "a command is needed"
    say(f"{wrong}: demo, run, test, soak or lock (-h explains them)")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
