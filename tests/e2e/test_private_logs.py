"""What is personal or secret is in no log, however much a log tells."""

from pathlib import Path

import httpx
from websockets.sync.client import connect

from fresh import fresh_settings
from lacak import Lacak, ready
from processes import Process, free_port, running, until
from stack import Servers

USER = 1_870_411_953
GOODS = {"produk_nama": "Obat-Kusta-77", "harga": 913_377}
NOTE = "Bu-Siti-di-pagar-hijau"
PLACE = {"latitude": -6.917433, "longitude": 107.619122}


def test_no_log_holds_what_is_personal_or_a_secret(servers: Servers, tmp_path: Path) -> None:
    changes = {"http_port": free_port(), "log_level": "debug", "drain_seconds": 0.5}
    settings = fresh_settings(servers, tmp_path, **changes)
    processes = [Process(kind, settings) for kind in ("track", "notify", "web")]
    track, _, web = processes
    lacak = Lacak(settings, track, web, f"http://{settings.http_host}:{settings.http_port}")
    with running(*processes):
        until(lambda: ready(lacak.url), what="/readyz")
        secrets = [settings.jwt_secret, *journey(lacak)]
        web.stop()
    told = {process.kind: process.log.read_text() for process in processes}
    assert all("debug" in text for text in told.values()), "a process logs less than it was told to"
    private = [str(USER), *map(str, GOODS.values()), NOTE, *map(str, PLACE.values()), *secrets]
    found = [(kind, word) for kind, text in told.items() for word in private if word in text]
    assert not found


def journey(lacak: Lacak) -> list[str]:
    """An order and its update seen by all who may see them; gives the tokens that were used."""
    id_order = lacak.place(USER, **GOODS)
    lacak.update(id_order, "in_transit", note=NOTE, **PLACE)
    until(lambda: (lacak.order(id_order) or {}).get("status") == "in_transit", what="in transit")
    bearer = lacak.headers("orders:read", sub=str(USER))
    link = httpx.post(f"{lacak.url}/v1/orders/{id_order}/share-links", json={}, headers=bearer)
    assert httpx.get(lacak.url + link.json()["path"]).json()["status"] == "in_transit"
    tickets = [httpx.post(f"{lacak.url}/v1/live/tickets", headers=bearer).json()["ticket"] for _ in range(3)]
    with connect(f"ws{lacak.url[4:]}/v1/live?ticket={tickets[0]}") as socket:
        assert "hello" in str(socket.recv(10))
        assert id_order in str(socket.recv(10))
    with httpx.stream("GET", f"{lacak.url}/v1/live/sse?ticket={tickets[1]}") as stream:
        assert stream.status_code == 200
    forged = tickets[2][:-4] + "AAAA"
    assert httpx.get(f"{lacak.url}/v1/live/sse?ticket={forged}").status_code == 401
    assert httpx.get(f"{lacak.url}/v1/orders/{id_order}", headers={"Authorization": "Bearer forged.by.me"}).is_error
    return [link.json()["token"], *tickets, forged, bearer["Authorization"].removeprefix("Bearer "), "forged.by.me"]
