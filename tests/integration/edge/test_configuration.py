"""The file deploy/gateway/haproxy.cfg."""

import re
from pathlib import Path

import httpx

import edge as edges
from api.problem_types import ALL, ProblemType
from edge import SECRET, checked


def test_haproxy_takes_the_file_as_it_is_and_with_all_that_can_be_set(tmp_path: Path) -> None:
    everything = {"METRICS_LISTEN": "127.0.0.1:1", "USER": "nobody", "LACAK_JWT_SECRET": SECRET}
    for servers, settings in ((["127.0.0.1:1"], {}), (["127.0.0.1:1"] * 4, everything)):
        said = checked(tmp_path, servers, settings)
        assert said.returncode == 0 and "WARNING" not in said.stderr, said.stderr


def test_its_problems_are_those_of_the_services() -> None:
    types = {type_.uri: type_ for type_ in ALL}
    said = re.findall(r"""^ *http-error status (\d+) .* string '(.*?)'( hdr.*)?$""", edges.CONFIG.read_text(), re.M)
    assert len(said) == 11
    for status, body, headers in said:
        content = httpx.Response(200, text=body).json()
        type_: ProblemType = types[content["type"]]
        assert (type_.status, type_.title) == (int(status), content["title"]) == (content["status"], type_.title)
        assert ("Retry-After" in headers) == (int(status) in (429, 502, 503, 504))
