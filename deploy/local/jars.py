"""Jars by a lock file: fetched side by side, checked against their SHA-256, kept in a cache.

No Maven and no Java take part; `lock.py` made the lock files with Maven. What is in the cache and right is not
fetched again, what is there and wrong is; a download with a wrong sum is refused and leaves nothing behind.
"""

import hashlib
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.config import HERE
from deploy.local.progress import Progress
from deploy.local.wheels import install

AT_A_TIME = 8
CHUNK = 1 << 18

Fetch = Callable[["Jar", Path], None]
"""Writes the jar, as its repository has it, to a path. Raises OSError, which names it, when it cannot."""


class WrongChecksum(Exception):
    """A download that is not what the lock file says; it was thrown away."""


@dataclass(frozen=True)
class Jar:
    """One line of a lock file: `group:artifact:version[:classifier] sha256`."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str

    @classmethod
    def parse(cls, line: str) -> "Jar":
        coordinates, sha256 = line.split()
        group, artifact, version, *classifier = coordinates.split(":")
        return cls(group, artifact, version, "".join(classifier), sha256)

    @property
    def coordinates(self) -> str:
        return ":".join(filter(None, (self.group, self.artifact, self.version, self.classifier)))

    @property
    def path(self) -> str:
        """The jar's place in a cache, laid out as Maven lays out its repositories."""
        name = "-".join(filter(None, (self.artifact, self.version, self.classifier)))
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{name}.jar"


def read_lock(path: Path) -> list[Jar]:
    """The jars of a lock file, in its order (the order of the class path)."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [Jar.parse(line) for line in lines if line and not line.startswith("#")]


def ensure(jars: Iterable[Jar], cache: Path, fetch: Fetch | None = None) -> list[Path]:
    """The jars' paths in `cache`, in order, after what is missing or damaged was fetched.

    Raises WrongChecksum, or OSError when one cannot be had; both name the jar.
    """
    jars = list(jars)
    folder = cache / "jars"
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        right = threads.map(lambda jar: is_right(folder / jar.path, jar.sha256), jars)
        missing = list(dict.fromkeys(jar for jar, there in zip(jars, right, strict=True) if not there))
        if missing:
            get = fetch or maven(cache)
            with Progress("fetching jars", len(missing), sys.stderr) as progress:
                list(threads.map(lambda jar: progress.add(download(jar, folder, get)), missing))
    return [folder / jar.path for jar in jars]


def is_right(path: Path, sha256: str) -> bool:
    """Whether the file is there with that SHA-256."""
    return path.is_file() and checksum(path) == sha256


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(jar: Jar, folder: Path, fetch: Fetch) -> int:
    """Fetch one jar into the cache; it shows up there whole and right, or not at all. Returns its size in bytes."""
    target = folder / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        fetch(jar, part)
        found = checksum(part)
        if found != jar.sha256:
            raise WrongChecksum(f"{jar.coordinates}: expected sha256 {jar.sha256}, but the download has {found}")
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def maven(cache: Path) -> Fetch:
    """Fetches from the repository that the `maven-artifact` package knows, which is installed into the cache."""
    package = str(install(HERE / "maven.lock", cache))
    if package not in sys.path:
        sys.path.append(package)
    make_artifact = importlib.import_module("maven_artifact.artifact").Artifact
    resolver = importlib.import_module("maven_artifact.downloader").Downloader().resolver
    session = patient_session()

    def fetch(jar: Jar, path: Path) -> None:
        uri = resolver.uri_for_artifact(make_artifact(jar.group, jar.artifact, jar.version, jar.classifier or None))
        with session.get(uri, stream=True, timeout=60) as answer, path.open("wb") as out:
            answer.raise_for_status()
            for chunk in answer.iter_content(CHUNK):
                out.write(chunk)

    return fetch


def patient_session() -> Any:
    """A `requests` session that keeps its connections, and tries again where a name or an answer does not come."""
    requests = importlib.import_module("requests")
    tries = importlib.import_module("urllib3").Retry(6, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    session = requests.Session()
    session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=AT_A_TIME, max_retries=tries))
    return session
