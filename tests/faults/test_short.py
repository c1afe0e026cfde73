"""The fault suite, short: each kind of process is killed once under load; nothing is lost, or left running."""

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_each_kind_of_process_is_killed_once_and_nothing_is_lost(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, RUN, "--short", "--keep", tmp_path],
        cwd=RUN.parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(done.stdout)  # with the seed, by which `run.py --short --seed` does the same again
    assert done.returncode == 0
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert [line for line in left.splitlines() if str(tmp_path) in line] == []
