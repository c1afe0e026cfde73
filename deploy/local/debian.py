"""The programs that only the tests need, brought by apt where that is possible, and else named."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from deploy.local.config import cache_folder, read_variables

PACKAGES = {"chromium": "chromium", "node": "nodejs", "npm": "npm", "kcat": "kcat", "cc": "gcc", "haproxy": "haproxy"}
"""Debian's package for each program."""
HEADERS = "python3-dev"
"""What a compiler needs besides; with libc's."""
UNPACKED = {"prometheus": "prometheus", "promtool": "prometheus", "amtool": "prometheus-alertmanager"}
"""Those whose package would start a server of its own: it is not installed, but unpacked into the cache."""


def main() -> int:
    return install() or unpack()


def install() -> int:
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


def unpack() -> int:
    missing = sorted({package for program, package in UNPACKED.items() if not where(program)})
    if not missing:
        return 0
    print(f"unpacking {', '.join(missing)} into {_unpacked()}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if not _download(missing, folder):
            print(f"The tests need {', '.join(missing)}. On Debian: sudo apt-get install {' '.join(missing)}")
            return 1
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, _unpacked()], check=True)
    return 0


def _download(packages: list[str], folder: str) -> bool:
    """Their files into a folder, after an update where apt does not know them."""
    become = privileges()
    if not shutil.which("apt-get"):
        return False
    download = ["apt-get", "download", "--quiet=2", "--option=APT::Sandbox::User=root", *packages]
    if _ran(download, folder):
        return True
    return become is not None and _ran([*become, "apt-get", "update", "--quiet=2"], folder) and _ran(download, folder)


def _ran(command: list[str], folder: str) -> bool:
    return subprocess.run(command, cwd=folder).returncode == 0


def _unpacked() -> Path:
    return cache_folder(read_variables()) / "debian"


def where(program: str) -> str | None:
    """Its path; servers are in /usr/sbin, which is not in everybody's PATH, or unpacked."""
    places = (None, "/usr/sbin", str(_unpacked() / "usr" / "bin"))
    return next(filter(None, (shutil.which(program, path=path) for path in places)), None)


def privileges() -> list[str] | None:
    """What to put before a command that needs root; None where there is no way without a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


if __name__ == "__main__":
    sys.exit(main())
