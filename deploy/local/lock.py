"""Makes a jars.lock from each pom beside which it lies: `make lock`. Needs Maven and Java."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.config import HERE
from deploy.local.jars import Jar, checksum

FOLDERS = (HERE / "kafka", HERE / "cassandra", HERE.parent / "kubernetes" / "check" / "strimzi")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.10.0:copy-dependencies"


def main() -> None:
    if not shutil.which("mvn"):
        sys.exit("mvn is missing; it is needed only here. On Debian: apt-get install maven")
    for folder in FOLDERS:
        jars = resolve(folder / "pom.xml")
        head = f"# Made from pom.xml by `make lock`. {len(jars)} jars: group:artifact:version[:classifier] sha256\n"
        lines = "".join(f"{jar.coordinates} {jar.sha256}\n" for jar in jars)
        (folder / "jars.lock").write_text(head + lines)
        print(f"{folder.name}: {len(jars)} jars")


def resolve(pom: Path) -> list[Jar]:
    """The jars that Maven finds for a pom's runtime, sorted by their coordinates."""
    with tempfile.TemporaryDirectory() as folder:
        options = [f"-DoutputDirectory={folder}", "-DincludeScope=runtime", "-Dmdep.useRepositoryLayout=true"]
        subprocess.run(["mvn", "-q", "-B", "-C", "-f", pom, COPY, *options], check=True)
        found = [as_jar(path, Path(folder)) for path in Path(folder).rglob("*.jar")]
    return sorted(found, key=lambda jar: jar.coordinates)


def as_jar(path: Path, repository: Path) -> Jar:
    """The coordinates that a file's place in a Maven repository tells, and its checksum."""
    *group, artifact, version, name = path.relative_to(repository).parts
    classifier = name.removeprefix(f"{artifact}-{version}").removesuffix(".jar").removeprefix("-")
    return Jar(".".join(group), artifact, version, classifier, checksum(path))


if __name__ == "__main__":
    main()
