"""The access log."""

import httpx
import jwt

from edge import REQUEST, SECRET, Edge, bearer
from processes import until


def test_the_log_has_a_line_of_json_for_each_request_and_no_secret(client: httpx.Client, edge: Edge) -> None:
    secrets = {
        name: jwt.encode({"jti": name}, SECRET) for name in ("ticket", "share", "bearer", "cookie", "path", "offer")
    }
    answer = client.get(
        f"/v1/things/{secrets['path']}/order?ticket={secrets['ticket']}&share={secrets['share']}",
        headers={
            **bearer(secrets["bearer"]),
            "Cookie": f"lacak_live={secrets['cookie']}",
            "Sec-WebSocket-Protocol": f"ticket.{secrets['offer']}",
            "User-Agent": 'an "odd" agent\\',
        },
    )
    for path in ("/v1/keys/lck_a-secret-one", "/v1/shared/a-secret-one", "/v1/%73hared/a-secret-one"):
        client.get(path)
    line = edge.logged(request_id=answer.headers["x-request-id"])
    assert {name: line[name] for name in ("method", "path", "http", "status", "backend", "server", "agent")} == {
        "method": "GET",
        "path": "/v1/things/***/order",
        "http": "HTTP/1.1",
        "status": 200,
        "backend": "api",
        "server": "api-1",
        "agent": 'an "odd" agent\\',
    }
    assert all(isinstance(line[name], int) for name in ("ms", "ms_answer", "bytes_in", "bytes_out"))
    edge.raw(REQUEST % b"GET /v1/no\x01thing")
    until(lambda: any("error" in line and line["status"] == 400 for line in edge.log()))
    for name in ("access.log", "haproxy.log"):
        text = (edge.folder / name).read_text()
        assert not [name for name, secret in secrets.items() if secret.split(".")[1] in text]
        assert "a-secret-one" not in text and SECRET not in text
