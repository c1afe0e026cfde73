"""Compiles the Cython modules beside their sources, where there is a compiler; without one, Python does what they do.

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

MODULES = {"api.live._changes": "api/live/_changes.pyx"}


def compile_modules(root: Path, modules: Mapping[str, str] = MODULES, to: str = ".") -> list[str]:
    """Compiles {module: source} into the folder `to`; gives their files. All from `root`. Raises whatever the compiler
    does."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    extensions = [Extension(name, [source]) for name, source in modules.items()]
    with chdir(root):
        made = cythonize(extensions, build_dir="build", quiet=True)
        command = build_ext(Distribution({"name": "lacak", "ext_modules": made}))
        command.build_lib, command.build_temp = to, "build"
        command.ensure_finalized()
        command.run()
        return [str(Path(each)) for each in command.get_outputs()]


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            made = compile_modules(Path(self.root))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, Python does it too
            self.app.display_warning(f"not compiled, Python does the same more slowly: {error}")
            return
        build_data["artifacts"] += made
        build_data["pure_python"], build_data["infer_tag"] = False, True


if __name__ == "__main__":
    print(*compile_modules(Path(__file__).resolve().parent), sep="\n", file=sys.stderr)  # noqa: T201
