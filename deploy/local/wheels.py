"""Packages that only the local stack needs, installed by pip from a lock file into a folder of the cache."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def install(lock: Path, cache: Path, otherwise: str = "") -> Path:
    """The folder that holds what `lock` lists. It is made once for a lock file's content and Python version.

    Raises SystemExit when pip fails, with its own words and `otherwise`: what else would help.
    """
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    target = cache / "packages" / f"{lock.stem}-{key}"
    if not target.is_dir():
        print(f"installing {lock.name} into {target}", file=sys.stderr)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=target.parent, suffix=".part"))
        try:
            _pip(lock, part, otherwise)
            _move(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return target


def _pip(lock: Path, folder: Path, otherwise: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    command += ["--require-hashes", "--no-deps", "--target", str(folder), "--requirement", str(lock)]
    if subprocess.run(command).returncode:
        raise SystemExit(f"pip could not install what {lock} lists; its own words are above. {otherwise}")


def _move(part: Path, target: Path) -> None:
    """Rename, unless another process was faster: then its folder is as good."""
    try:
        part.rename(target)
    except OSError:
        if not target.is_dir():
            raise
