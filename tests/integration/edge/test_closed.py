"""What is not open is not there, however it is asked for."""

import pytest

import echo
from edge import REQUEST, Edge

HIDDEN = ["metrics", "readyz", "healthz", "local/users", "local/token", "docs", "static/page.js", ""]
WAYS = [
    "/{}",
    "//{}",
    "/./{}",
    "/{}/",
    "/v1/../{}",
    "/v1/live/../../{}",
    "/v1/live/..;/../{}",
    "/v1/..%2f{}",
    "/v1/%2e%2e/{}",
    "/v1/.%2E/{}",
    "/v1/..\\{}",
    "/v1/..%5c{}",
    "/v1//../{}",
    "/registry/../{}",
    "/openapi.json/../{}",
    "/V1/../{}",
    "/%2e/{}",
]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_for_inside_is_not_there_however_it_is_written(way: str, edge: Edge, service: echo.Echo) -> None:
    before = len(service.heard)
    for hidden in HIDDEN:
        target = way.format(hidden)
        answer = edge.raw(REQUEST % f"GET {target}".encode())
        assert answer.startswith(b"HTTP/1.1 404 ") and b"urn:lacak:problem:not-found" in answer, target
        status, version, _ = edge.curl(target)
        assert (status, version) == (404, "2"), target
    assert len(service.heard) == before


@pytest.mark.parametrize(
    "target",
    [
        "/%6detrics",
        "/%6Detrics",
        "/METRICS",
        "/Metrics",
        "/metrics?/v1/",
        "/metrics#/v1/",
        "/metrics;/v1/",
        "/metrics%00/v1/",
        "http://localhost/metrics",
        "https://localhost/metrics",
        "https://localhost//metrics",
        "http://localhost/v1/../metrics",
        "http://evil/v1/../metrics",
        "metrics",
        "*",
        "\\metrics",
    ],
)
def test_nor_in_other_letters_or_as_a_whole_address(target: str, edge: Edge, service: echo.Echo) -> None:
    before = len(service.heard)
    answer = edge.raw(REQUEST % f"GET {target}".encode())
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer
    assert len(service.heard) == before


def test_a_whole_address_is_passed_on_as_a_path(edge: Edge, service: echo.Echo) -> None:
    answer = edge.raw(REQUEST % b"GET https://localhost/v1/orders/7?a=b")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert service.heard[-1] == "GET /v1/orders/7?a=b HTTP/1.1"
