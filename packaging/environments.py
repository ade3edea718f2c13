"""The virtual environments of this checkout: made, installed from locks, repaired, and known to be complete.

Standard library only, for `bootstrap.py`, which runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import syslibs

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "packaging"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

# The lock of what building a source distribution takes (nkeys has no wheel): installed first, from hashes as
# well, so that pip need not fetch a build system of its own choice.
BUILD_LOCK = "requirements-build.txt"
SDISTS = "nkeys"


class SetupError(Exception):
    """The set-up cannot go on; the text is the one sentence (and perhaps a command) that the user reads."""


@dataclass
class Stamp:
    """What is known to be done in an environment. It is the last thing that a set-up writes.

    `state` is "installing" from the first file until then, which is how an interruption is noticed. The root
    is in it because the scripts and the path file of an environment that was moved still name the old place.
    """

    state: str = "installing"
    root: str = str(ROOT)
    python: str = PYTHON
    locks: dict[str, str] = field(default_factory=dict)  # lock file → hash of the content that is installed
    platforms: list[str] = field(default_factory=list)  # Qt platforms whose system libraries are there


@dataclass(frozen=True)
class Environment:
    """A virtual environment in the checkout, installed from locks and nothing else."""

    folder: Path

    @property
    def scripts(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        return self.scripts / ("python.exe" if os.name == "nt" else "python")

    @property
    def packages(self) -> Path:
        return self.folder / ("Lib" if os.name == "nt" else f"lib/python{PYTHON}") / "site-packages"

    def read_stamp(self) -> Stamp | None:
        try:
            return Stamp(**json.loads((self.folder / "fleetgui-setup.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):  # absent, cut off, or of another version of this file
            return None

    def write_stamp(self, stamp: Stamp) -> None:
        """Replaced in one step, so that a crash leaves either the old stamp or the new one."""
        part = self.folder / "fleetgui-setup.json.part"
        part.write_text(json.dumps(asdict(stamp), indent=2) + "\n", "utf-8")
        part.replace(self.folder / "fleetgui-setup.json")

    def works(self) -> bool:
        """Whether its interpreter starts, is the version that runs this file, and has pip."""
        probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
        try:
            done = subprocess.run([self.python, "-I", "-c", probe], capture_output=True, text=True, check=False)
        except OSError:
            return False
        return done.returncode == 0 and done.stdout.strip() == PYTHON

    def holds(self, lock: str) -> bool:
        """Whether nothing is left to install for this lock."""
        stamp = self.read_stamp()
        return (
            stamp is not None
            and (stamp.state, stamp.root, stamp.python) == ("complete", str(ROOT), PYTHON)
            and all(stamp.locks.get(name) == lock_hash(name) for name in (BUILD_LOCK, lock))
            and self.works()
        )

    def install(self, lock: str, lock_fd: int | None) -> None:
        """Bring the environment to what the lock says; only a broken or half-made one is made anew."""
        started = time.monotonic()
        stamp = self.read_stamp()
        fault = ""
        if self.folder.exists():
            if stamp is not None and stamp.state != "complete":
                fault = "was left unfinished"
            elif stamp is not None and stamp.root != str(ROOT):
                fault = "was moved"
            elif not self.works():
                fault = f"does not work with Python {PYTHON}"
        if fault:
            say(f"{self.folder.name} {fault}: making it anew")
            shutil.rmtree(self.folder)
        made_anew = not self.folder.exists()
        if made_anew:
            require_ensurepip()
        self.folder.mkdir(exist_ok=True)
        self.write_stamp(Stamp())
        if made_anew:
            say(f"making {self.folder.name} with Python {PYTHON}")
            # Not sys.executable: this may be the very environment that was just removed.
            base = getattr(sys, "_base_executable", None) or sys.executable
            run_or_fail([base, "-m", "venv", str(self.folder)], f"{self.folder.name} could not be made")
        say(f"installing the packages of {lock} into {self.folder.name}")
        done = {} if made_anew or stamp is None else stamp.locks
        for name in (BUILD_LOCK, lock):
            self.pip_install(name, lock_fd)
            done[name] = lock_hash(name)
        if lock == "requirements-dev.txt":  # it contains the other one, pin for pin
            done["requirements.txt"] = lock_hash("requirements.txt")
        if lock != "requirements-interop.txt":
            self.link_project()
        self.write_stamp(Stamp("complete", locks=done))
        say(f"{self.folder.name} is complete after {time.monotonic() - started:.0f} s")

    def pip_install(self, lock: str, lock_fd: int | None) -> None:
        """Exactly the lock: every file by its hash, no resolving, no build but that of the named sources."""
        options = (
            "--require-hashes --no-deps --no-build-isolation --only-binary :all: --no-input --disable-pip-version-check"
        )
        command = [str(self.python), "-m", "pip", "install", *options.split(), "--no-binary", SDISTS]
        run_or_fail([*command, "-r", str(LOCKS / lock)], f"pip could not install {lock}", lock_fd)

    def link_project(self) -> None:
        """Make `import fleetgui` and the command `fleetgui` work from the checkout, without a build or a network."""
        # The interpreter reads path files in the locale's encoding, up to 3.12 in no other.
        (self.packages / "fleetgui.pth").write_text(f"{ROOT}\n", encoding="locale")
        if os.name == "nt":
            (self.scripts / "fleetgui.cmd").write_text(f'@"{self.python}" -P -m fleetgui %*\n', encoding="locale")
        else:
            script = self.scripts / "fleetgui"
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(self.python))} -P -m fleetgui "$@"\n', "utf-8")
            script.chmod(0o755)


PROJECT = Environment(ROOT / ".venv")
INTEROP = Environment(ROOT / ".venv-interop")  # the real services have other requirements than we do


def say(text: str) -> None:
    """On stderr, since the standard output belongs to the program that is run."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


def lock_hash(lock: str) -> str:
    """The same on every system: a checkout on Windows may have other line ends."""
    try:
        return hashlib.sha256((LOCKS / lock).read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except FileNotFoundError:
        raise SetupError(f"packaging/{lock} is missing from this checkout.") from None


def run_or_fail(command: Sequence[str], failure: str, lock_fd: int | None = None) -> None:
    """Run a step of the set-up with its output in sight; the child keeps the set-up's lock should we be killed."""
    # A user's own pip settings hold, except the one that no virtual environment can obey.
    environ = {**os.environ, "PIP_USER": "0"}
    keep = () if lock_fd is None else (lock_fd,)
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False, pass_fds=keep)
    if done.returncode != 0:
        raise SetupError(f"{failure} (exit status {done.returncode}); its own words are above.")


def require_ensurepip() -> None:
    """Debian and Ubuntu ship Python without the part that makes virtual environments; get it or say how."""
    if importlib.util.find_spec("ensurepip") is not None:
        return
    package = f"python{PYTHON}-venv"
    if syslibs.package_manager() != "apt-get":
        raise SetupError("This Python has no ensurepip, so it cannot make virtual environments; use one that has.")
    if not syslibs.is_root():
        command = f"sudo apt-get install -y {package}"
        raise SetupError(f"This Python cannot make virtual environments. Install that part with:\n\n    {command}\n")
    say(f"installing {package}, without which this Python cannot make virtual environments")
    if not syslibs.apt_get_install([package]):
        raise SetupError(f"apt-get could not install {package}; its own words are above.")


@contextlib.contextmanager
def set_up_alone() -> Iterator[int | None]:
    """One set-up of a checkout at a time; yields the file descriptor that holds the lock.

    This file itself is what is locked: it is always there, and nothing is left behind. On Windows there is no
    such lock on a file that is only read; there, two first starts at once are the user's own doing.
    """
    if sys.platform == "win32":
        yield None
    else:
        import fcntl

        with Path(__file__).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another set-up of this checkout to end")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file.fileno()


def prepare(environment: Environment, lock: str) -> None:
    """Install the lock unless the stamp says that it is installed."""
    if environment.holds(lock):
        return
    if fault := syslibs.glibc_fault():
        raise SetupError(fault)
    with set_up_alone() as lock_fd:
        if not environment.holds(lock):  # the other set-up may have been the same
            environment.install(lock, lock_fd)
