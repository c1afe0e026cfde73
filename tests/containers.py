"""Services in containers, on this machine's own network: as strictly as production runs them, and with what is here."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fresh import environment
from streams.settings import Settings

SERVICES = ("track", "notify", "api", "gateway")
IMAGE = os.environ.get("IMAGE", "localhost/lacak:check")
STRICT = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host"]
DATA = "/var/lib/lacak"  # a volume without a name: it goes with its container
# Inside another container there may be no room for the limits that podman gives by itself, and no cgroups to nest.
NESTED = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--read-only-tmpfs=false"]


@cache
def engine() -> list[str]:
    """The command line of docker or podman: the one that deploy/images/build.sh takes."""
    name = os.environ.get("ENGINE") or ("docker" if _serves("docker") else "podman")
    if name == "docker":
        return ["docker"]
    return ["podman", "--cgroup-manager", "cgroupfs", *(["--runtime", "runc"] if shutil.which("runc") else [])]


def _serves(name: str) -> bool:
    return shutil.which(name) is not None and subprocess.run([name, "info"], capture_output=True).returncode == 0


def command(*words: str, settings: Settings | None = None, entrypoint: str = "", name: str = "") -> list[str]:
    """`run` of the image with these words, and with the settings as variables."""
    told = [f"{key}={value}" for key, value in environment(settings).items() if _ours(key)] if settings else []
    podman = engine()[0] == "podman"
    return [
        *(*engine(), "run", "--rm", *STRICT, *(NESTED if podman else [])),
        *("--volume", DATA),
        *(["--name", name] if name else []),
        *(["--entrypoint", entrypoint] if entrypoint else []),
        *(word for each in told for word in ("--env", each)),
        *(IMAGE, *words),
    ]


def _ours(variable: str) -> bool:
    """What the image says of its own stays: where its data is."""
    return variable.startswith("LACAK_") and variable not in ("LACAK_DATA_DIR", "LACAK_LOCAL_DIR")


def run(*words: str, code: int = 0, **changes: object) -> str:
    """Runs it to its end; gives what it said."""
    done = subprocess.run(command(*words, **changes), capture_output=True, text=True, timeout=120)  # type: ignore[arg-type]
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


@dataclass(frozen=True)
class Container:
    """A service that runs."""

    name: str
    log: Path
    child: subprocess.Popen[bytes]

    def execute(self, *words: str) -> int:
        """Runs a command beside the service; gives its exit code."""
        return subprocess.run([*engine(), "exec", self.name, *words], capture_output=True, timeout=60).returncode

    def stop(self) -> int:
        """SIGTERM, as an orchestrator sends it; gives the service's exit code."""
        self.child.terminate()
        return self.child.wait(60)


@dataclass(frozen=True)
class System:
    """A running one: `settings` are each service's own, `containers` go by its name."""

    settings: dict[str, Settings]
    containers: dict[str, Container]

    def url(self, service: str) -> str:
        """Where an API or a gateway answers."""
        return f"http://127.0.0.1:{self.settings[service].http_port}"


@contextmanager
def serving(kind: str, settings: Settings, folder: Path) -> Iterator[Container]:
    """`lacak serve KIND`; gone at the end, with its log shown when the test failed."""
    name, log = f"lacak-check-{os.getpid()}-{kind}", folder / f"{kind}.log"
    with log.open("wb") as out:
        child = subprocess.Popen(command("serve", kind, settings=settings, name=name), stdout=out, stderr=out)
    try:
        yield Container(name, log, child)
    except BaseException:
        print(f"--- {kind}\n{log.read_text()[-4000:]}")
        raise
    finally:
        subprocess.run([*engine(), "rm", "--force", name], capture_output=True, timeout=60)
        child.wait(60)


def inspect(field: str) -> str:
    """A field of the image, as a Go template names it."""
    words: Sequence[str] = [*engine(), "image", "inspect", "--format", f"{{{{{field}}}}}", IMAGE]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
