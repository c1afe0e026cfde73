"""The API keys that there are, as this process knows them: all of them, read from Cassandra every few seconds.

So a request with one asks nobody, one that is not there costs nothing, couriers go on while Cassandra is away, and a
key that is revoked is good for KEYRING_SECONDS more.
"""

from collections.abc import Awaitable, Callable, Mapping

from api.auth import Caller
from api.hs256 import InvalidToken, UnknownKey
from api.refreshed import Refreshed
from streams import metrics
from tables.api_keys import ApiKey, parts
from tables.orders import Orders, StoreUnavailable

KEYRING_SECONDS = 10.0


class Keyring:
    """Judges API keys. `orders` gives the store that has them, or raises StoreUnavailable; it may take its time.
    `clock` gives ms since 1970."""

    def __init__(self, orders: Callable[[], Awaitable[Orders]], clock: Callable[[], int]) -> None:
        self._orders, self._clock = orders, clock
        self.keys: Refreshed[Mapping[str, ApiKey]] = Refreshed(
            "api_keys", self._load, (StoreUnavailable,), KEYRING_SECONDS
        )

    def caller(self, token: str) -> Caller:
        """Whose key it is; raises InvalidToken, UnknownKey for one that is not there, Away before they are read."""
        id_, secret = parts(token) or ("", "")
        if not id_:
            raise InvalidToken("not an API key")
        key = self.keys.value().get(id_)
        if key is None:
            raise UnknownKey("no such API key")
        if not key.opens(secret):
            raise InvalidToken("no such API key")
        if key.ended_at() <= self._clock():
            raise InvalidToken("the API key is revoked" if key.revoked_at is not None else "the API key has expired")
        metrics.KEY_REQUESTS.labels(key.id, key.name).inc()
        return Caller(key.name, key.scopes, key.courier, key.ended_at() // 1000)

    async def _load(self) -> Mapping[str, ApiKey]:
        return {key.id: key for key in await (await self._orders()).api_keys()}
