"""Compiles what a gateway does for each message, where there is a compiler; without one, Python does the same.

Two ways: mypyc compiles Python as it is, beside its sources; Cython what is not for Python.

python hatch_build.py    in this tree, and an error when it cannot
"""

import sys
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # to compile it is not needed
    BuildHookInterface = object

CYTHON = {
    "api.live._changes": "api/live/_changes.pyx",
    "api.live._native": "api/live/_native.pyx",
}
PYTHON = (
    "api/auth.py",
    "api/hs256.py",
    "api/live/admission.py",
    "api/live/changes.py",
    "api/live/connection.py",
    "api/live/cursor.py",
    "api/live/direct.py",
    "api/live/door.py",
    "api/live/frames.py",
    "api/live/handshake.py",
    "api/live/hub.py",
    "api/live/outlet.py",
    "api/live/queued.py",
    "api/live/request.py",
    "api/live/rfc6455.py",
    "api/live/ring.py",
    "streams/tally.py",
)
# A class whose base is in a package that is not there would be compiled into one that crashes.
_MYPY = ("--config-file=", "--ignore-missing-imports", "--follow-imports=silent", "--disallow-subclassing-any")


def compile_all(root: Path) -> list[str]:
    """Compiles whatever is to be; gives the files, from `root`. Raises whatever the compiler does, and then leaves
    nothing of an earlier time, which would do what the sources did then."""
    from mypyc.build import mypycify

    for each in compiled(root):
        each.unlink()
    made = compile_modules(root)
    with chdir(root):
        return made + _build(mypycify([*_MYPY, *PYTHON], group_name="lacak", target_dir="build"), ".")


def compiled(root: Path) -> list[Path]:
    """What is there of it."""
    return [found for folder in ("", "api", "api/live", "streams") for found in sorted((root / folder).glob("*.so"))]


def stale(root: Path) -> list[str]:
    """The sources that have changed since they were compiled; none where nothing is compiled."""
    built = compiled(root)
    oldest = min((each.stat().st_mtime for each in built), default=float("inf"))
    sources = [*CYTHON.values(), *PYTHON, "hatch_build.py"]
    return [source for source in sources if (root / source).stat().st_mtime > oldest]


def compile_modules(root: Path, modules: Mapping[str, str] = CYTHON, to: str = ".") -> list[str]:
    """Compiles {module: source} of Cython into the folder `to`."""
    from Cython.Build import cythonize
    from setuptools import Extension

    with chdir(root):
        made = [Extension(name, [source]) for name, source in modules.items()]
        return _build(cythonize(made, build_dir="build", quiet=True), to)


def _build(extensions: list[Any], to: str) -> list[str]:
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    command = build_ext(Distribution({"name": "lacak", "ext_modules": extensions}))
    command.build_lib, command.build_temp = to, "build"
    command.ensure_finalized()
    command.run()
    return [str(Path(each)) for each in command.get_outputs()]


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            made = compile_all(Path(self.root))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, Python does it too
            self.app.display_warning(f"not compiled, Python does the same more slowly: {error}")
            return
        build_data["force_include"] |= {each: each for each in made}
        build_data["pure_python"], build_data["infer_tag"] = False, True


if __name__ == "__main__":
    print(*compile_all(Path(__file__).resolve().parent), sep="\n", file=sys.stderr)  # noqa: T201
