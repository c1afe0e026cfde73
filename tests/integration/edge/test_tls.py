"""The way to the gateway."""

import subprocess

import httpx

from edge import Edge
from processes import until


def test_every_answer_asks_browsers_to_come_by_tls_and_to_guess_nothing(client: httpx.Client) -> None:
    for path in ("/v1/orders/7", "/metrics"):
        headers = client.get(path).headers
        assert int(headers["strict-transport-security"].removeprefix("max-age=")) > 31_000_000
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        assert headers["x-request-id"]


def test_old_tls_is_refused(edge: Edge) -> None:
    old = ["curl", "-sS", "--cacert", str(edge.certificate), "--tls-max", "1.1", edge.url + "/v1/orders/7"]
    assert subprocess.run(old, capture_output=True).returncode == 35
    until(lambda: any("unsupported protocol" in line.get("tls_error", "") for line in edge.log()))
