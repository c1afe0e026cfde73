"""The fault-test cluster's command line. tests/faults/test_short.py kills its members, and starts them again."""

import subprocess
import sys
from pathlib import Path


def test_a_member_that_there_is_not_and_another_net_are_refused(tmp_path: Path) -> None:
    def told(*words: str) -> str:
        command = [sys.executable, "-m", "deploy.local.cluster", "--folder", str(tmp_path), *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr

    assert "kafka-1, kafka-2, kafka-3" in told("--net", "127.1.2", "kill9", "kafka-4")
    assert "lives on 127.1.2" in told("--net", "127.1.3", "status")
