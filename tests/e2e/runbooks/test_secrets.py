"""docs/operations/secrets.md: LACAK_JWT_SECRET is changed in three rounds, and nobody is sent away."""

import re
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from live_clients import bearer, until_served, websocket
from rest import Rest, running
from streams.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
ROW = re.compile(r"^\| \d \|([^|]*)\|([^|]*)\|", re.M)
SECRETS = {
    "": "",
    "old": "the secret of the time before the change, a long one",
    "new": "the secret of the time after it, as long",
}
USER = 42


def rounds() -> list[tuple[str, str]]:
    """The secret and the previous one, before and after each round of the page's table."""
    return [("old", ""), *((first.strip("* "), second.strip("* ")) for first, second in ROW.findall(PAGE.read_text()))]


async def test_in_no_round_is_a_ticket_refused_and_an_old_token_is_so_only_in_the_last(settings: Settings) -> None:
    assert rounds() == [("old", ""), ("old", "new"), ("new", "old"), ("new", "")]
    with ExitStack() as held:
        gateways = []
        for secret, previous in rounds():
            own = {"jwt_secret": SECRETS[secret], "jwt_previous_secret": SECRETS[previous], "heartbeat": 1}
            gateways.append(held.enter_context(running("gateway", settings.model_copy(update=own))))
        for gateway in gateways:
            until_served(gateway)
        for one, other in pairwise(gateways):  # while a round lasts, both are there
            assert await takes(other, ticket_of(one)) and await takes(one, ticket_of(other))
        assert not await takes(gateways[0], ticket_of(gateways[2])), "without the first round"
        tokens = {
            name: bearer(settings.model_copy(update={"jwt_secret": SECRETS[name]}), USER) for name in ("old", "new")
        }
        assert [answer(each, tokens["old"]) for each in gateways] == [200, 200, 200, 401]
        assert [answer(each, tokens["new"]) for each in gateways] == [401, 200, 200, 200]


def answer(gateway: Rest, caller: dict[str, str]) -> int:
    return gateway.client.post("/v1/live/tickets", headers=caller).status_code


def ticket_of(gateway: Rest) -> str:
    """A customer's, whose token was signed with what that gateway signs with."""
    ticket: str = gateway.client.post("/v1/live/tickets", headers=bearer(gateway.settings, USER)).json()["ticket"]
    return ticket


async def takes(gateway: Rest, ticket: str) -> bool:
    """Whether it lets in who shows this ticket."""
    try:
        async with websocket(gateway, f"?ticket={ticket}") as client:
            return bool((await client.next())["type"] == "hello")
    except (ConnectionClosed, StopAsyncIteration):
        return False
