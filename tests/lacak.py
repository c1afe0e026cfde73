"""A whole Lacak as somebody outside meets it: its tokens, its routes."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from api.auth import issue_token
from processes import Process
from streams.settings import Settings


@dataclass
class Lacak:
    """A running Lacak and what a test does to it from outside."""

    settings: Settings
    track: Process
    web: Process
    url: str

    def token(self, *scopes: str, sub: str = "e2e", courier: str | None = None) -> str:
        """A token of the local secret."""
        return issue_token(
            self.settings.jwt_secret,
            audience=self.settings.jwt_audience,
            ttl=3600,
            now=int(time.time()),
            sub=sub,
            scopes=list(scopes),
            courier=courier,
        )

    def headers(self, *scopes: str, sub: str = "e2e") -> dict[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {self.token(*scopes, sub=sub)}"}

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A shop's, a courier's or an operator's POST, tried again as a 503 asks; it must be accepted."""
        headers = self.headers("orders:write", "status:write", "orders:correct")
        answer = httpx.post(self.url + path, json=body, headers=headers, timeout=20)
        for _ in range(20):
            if answer.status_code != 503:
                break
            time.sleep(float(answer.headers["Retry-After"]))
            answer = httpx.post(self.url + path, json=body, headers=headers, timeout=20)
        assert answer.status_code == 202, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def place(self, id_user: int, **changes: Any) -> str:
        """Places an order and gives its id."""
        body = {"id_user": id_user, "id_produk": 7, "harga": 25_000, "jumlah": 2, "produk_nama": "Kopi Gayo"}
        return str(self.post("/v1/orders", {**body, **changes})["id_order"])

    def update(self, id_order: str, status: str, **changes: Any) -> None:
        """A courier's update."""
        self.post(f"/v1/orders/{id_order}/status", {"status": status, "courier": "jne", **changes})

    def correct(self, id_order: str, status: str, corrects: int, note: str) -> None:
        """An operator's correction."""
        self.post(f"/v1/orders/{id_order}/correction", {"status": status, "corrects": corrects, "note": note})

    def order(self, id_order: str) -> dict[str, Any] | None:
        """The order as an operator reads it; None while it is not there."""
        answer = httpx.get(f"{self.url}/v1/orders/{id_order}", headers=self.headers("ops"), timeout=20)
        return answer.json() if answer.status_code == 200 else None


def ready(url: str) -> bool:
    """Whether /readyz says yes."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
