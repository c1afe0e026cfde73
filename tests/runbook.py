"""Pages of docs/operations as tests run them: the commands of a section, in a shell, as they stand there."""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import stack
from fresh import environment
from streams import topics
from streams.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "operations"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
_NAMES = sorted({*(topic.name for topic in topics.ALL), topics.TRACK_GROUP, topics.NOTIFY_GROUP}, key=len, reverse=True)
_NAME = re.compile(rf"(?<![\w/.-])({'|'.join(_NAMES)})(?=(-users-changelog)?(?![\w-]))")


TOOLS = {
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}


def kafka_tools(servers: stack.Servers) -> dict[str, list[str]]:
    """Kafka's own commands, out of the jars of these servers."""
    java, *words = servers.services["kafka"].command
    options = next(word for word in words if word.startswith("@"))  # and not what tells of it at a port of its own
    return {name: [java, options, "-Xms32m", "-XX:TieredStopAtLevel=1", tool] for name, tool in TOOLS.items()}


def lags(printed: str) -> set[int]:
    """Of all partitions, as `--describe` has them: group, topic, partition, current, end, lag."""
    rows = [line.split() for line in printed.splitlines() if re.search(r"lacak-(track|notify)\b", line)]
    return {int(row[5]) for row in rows if row[5].isdecimal()}


@dataclass
class Runbook:
    """One page, and where its commands run. `programs`: by name, the words that stand for a program."""

    name: str
    settings: Settings
    folder: Path
    programs: dict[str, list[str]] = field(default_factory=dict)

    def commands(self, section: str) -> str:
        """What the section has to be typed; topics and groups have a prefix here, as in a Kafka of several Lacaks."""
        text = (PAGES / f"{self.name}.md").read_text()
        [body] = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
        blocks = _BLOCK.findall(body)
        assert blocks, f"{self.name}.md, {section}: no commands"
        return "".join(blocks)

    def run(self, section: str, code: int = 0, **variables: str) -> str:
        """What the section's commands print; `variables` are those that the page asks for."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._here(section)],
            env={
                **environment(self.settings),
                "KAFKA": self.settings.kafka_bootstrap,
                **variables,
                "PATH": self._path(),
                "NO_COLOR": "1",
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, (section, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def _here(self, section: str) -> str:
        """With this Kafka's names: only Kafka's own tools need them."""
        lines = self.commands(section).splitlines()
        return "\n".join(line if line.startswith("lacak") else _NAME.sub(self._named, line) for line in lines)

    def _named(self, found: re.Match[str]) -> str:
        return self.settings.topic(found[1])

    def _path(self) -> str:
        """A folder with the programs in it, before the usual ones."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        for name, words in {"lacak": [sys.executable, "-m", "cli.main"], **self.programs}.items():
            program = folder / name
            program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            program.chmod(0o755)
        return f"{folder}:/usr/bin:/bin"
