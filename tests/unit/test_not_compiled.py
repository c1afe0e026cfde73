"""Where there is no compiler Python does the same: its tests pass there too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from api import hs256
from api.live import _native, hub, native, outlet, request

ROOT = Path(__file__).parents[2]
TREES = ("api", "streams", "tables", "schemas", "cassandra", "tests/unit")
FILES = ("pyproject.toml", "hatch_build.py", "tests/conftest.py")
TESTS = ("hub", "ring", "outlet", "tally", "websocket_wire", "rfc6455", "auth", "tickets", "request")


def test_here_it_is_compiled() -> None:
    assert {Path(module.__file__ or "").suffix for module in (hub, outlet, request, hs256)} == {".so"}
    assert (native.send, native.untrack, native.bound) == (_native.send, _native.untrack, _native.bound)


def test_without_a_compiler_python_does_the_same(tmp_path: Path) -> None:
    for tree in TREES:
        shutil.copytree(ROOT / tree, tmp_path / tree, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for file in (*FILES, *(each.relative_to(ROOT) for each in (ROOT / "tests").glob("*.py"))):
        shutil.copy(ROOT / file, tmp_path / file)
    seen = (
        "from api.live import hub, native as n; assert hub.__file__[-3:] == '.py' and n.send.__module__ == n.__name__"
    )
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
