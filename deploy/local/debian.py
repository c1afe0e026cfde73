"""The programs that only the tests need, brought by apt where that is possible, and else named."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGES = {"chromium": "chromium", "node": "nodejs", "npm": "npm", "kcat": "kcat", "cc": "gcc", "haproxy": "haproxy"}
"""Debian's package for each program."""
HEADERS = "python3-dev"
"""What a compiler needs besides; with libc's."""


def main() -> int:
    missing = [package for program, package in PACKAGES.items() if not where(program)]
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        missing.append(HEADERS)
    if not missing:
        return 0
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    become = privileges()
    if become is None or not shutil.which("apt-get"):
        print(f"The tests need {', '.join(missing)}. On Debian: sudo {' '.join(command)}", file=sys.stderr)
        return 1
    print(f"installing {', '.join(missing)} by apt", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "--quiet=2"], [*command, "--quiet=2"]):
        if code := subprocess.run([*become, *step], env=environment).returncode:
            return code
    return 0


def where(program: str) -> str | None:
    """Its path; servers are in /usr/sbin, which is not in everybody's PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin")


def privileges() -> list[str] | None:
    """What to put before a command that needs root; None where there is no way without a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


if __name__ == "__main__":
    sys.exit(main())
