"""Services that fail: what is sent again, to whom, and what the client hears."""

from pathlib import Path

import echo
import edge as edges
from edge import Edge
from processes import free_port
from rest import problem


def test_what_a_service_may_have_done_is_sent_again_only_where_that_does_no_harm(
    edge: Edge, service: echo.Echo
) -> None:
    def times(method: str, headers: dict[str, str]) -> int:
        before = len(service.heard)
        # On a connection of its own: on one that had another request, HAProxy just closes, and the client knows.
        with edge.client() as client:
            answer = client.request(method, echo.BREAKS_OFF, headers=headers)
        problem(answer, 502, "no-answer")
        assert int(answer.headers["retry-after"]) > 0
        return len(service.heard) - before

    assert times("POST", {}) == 1
    assert times("PUT", {}) == 1
    assert times("POST", {"Idempotency-Key": "a-key"}) > 1
    assert times("GET", {}) > 1


def test_what_no_service_has_heard_goes_to_another_one(service: echo.Echo, tmp_path: Path) -> None:
    dead = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    with edges.running(tmp_path, [*dead, service.address], dead) as edge, edge.client() as client:
        assert [client.post("/v1/orders", content=b"{}").status_code for _ in range(10)] == [200] * 10
        answer = client.get("/v1/live/sse")
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
