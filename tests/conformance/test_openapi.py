"""A short run of what `make conformance` does with the API and its description."""

import re
from pathlib import Path

from conformance.openapi import UNBOUNDED, examine
from fresh import drop, fresh_settings
from rest import running
from stack import Servers


def test_the_api_answers_as_its_description_says(servers: Servers, tmp_path: Path) -> None:
    settings = fresh_settings(servers, tmp_path, **UNBOUNDED)
    with running("api", settings) as rest:
        done = examine(rest, 5, 1, tmp_path)
    drop(settings)
    assert done.returncode == 0, done.stdout + done.stderr
    generated = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated and int(generated[1]) == int(generated[2]) > 1000
