"""Where there is no compiler Python does the same: its tests pass there too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import api.live.hub
import api.live.outlet
from api.live import _native

ROOT = Path(__file__).parents[2]
TREES = ("api", "streams", "tables", "schemas", "cassandra", "tests/unit")
FILES = ("pyproject.toml", "hatch_build.py", "tests/conftest.py")
TESTS = ("hub", "ring", "outlet", "tally", "websocket_wire", "rfc6455")


def test_here_it_is_compiled() -> None:
    assert {Path(module.__file__ or "").suffix for module in (_native, api.live.hub, api.live.outlet)} == {".so"}


def test_without_a_compiler_python_does_the_same(tmp_path: Path) -> None:
    for tree in TREES:
        shutil.copytree(ROOT / tree, tmp_path / tree, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for file in (*FILES, *(each.relative_to(ROOT) for each in (ROOT / "tests").glob("*.py"))):
        shutil.copy(ROOT / file, tmp_path / file)
    seen = "import api.live.hub, api.live.outlet as o; assert o.__file__.endswith('.py') and o._native is None"
    for command in (["-c", seen], ["-m", "pytest", "-q", *(f"tests/unit/test_{name}.py" for name in TESTS)]):
        ran = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
