"""Who is believed, as the settings have it: the issuer or the deployment's secret, and API keys."""

from collections.abc import Callable
from typing import Any

from api.auth import REQUIRED, Authenticator
from api.issuer import Issuer, NoKeys, issuers_keys
from api.keyring import Keyring
from api.refreshed import Refreshed
from api.secret import check_secrets
from streams.settings import Settings
from tables.orders import Orders


class Identity:
    """The authenticator, and what it must read before it can judge. Raises ValueError, which says what to do, for
    settings that are none. `orders` gives the connected store, where API keys are taken, or raises StoreUnavailable;
    `clock`, ms since 1970."""

    def __init__(self, settings: Settings, clock: Callable[[], int], orders: Callable[[], Orders] | None) -> None:
        check_secrets(settings)
        self._issuer = _issuer(settings)
        keyring = None if orders is None else Keyring(orders, clock)
        self._keyring = keyring
        self._read: list[Refreshed[Any]] = [each.keys for each in (self._issuer, keyring) if each is not None]
        self.authenticator = Authenticator(
            settings.jwt_secret,
            settings.jwt_audience,
            settings.jwt_leeway,
            previous=settings.jwt_previous_secret,
            issuer=self._issuer,
            keys=keyring,
        )

    @property
    def failed(self) -> bool:
        """Whether the reading of keys has ended by an error."""
        return any(each.failed for each in self._read)

    @property
    def checks(self) -> dict[str, Callable[[], bool]]:
        """What must be there before tokens can be judged. API keys for a moment: without Cassandra others go on."""
        issuer, keyring = self._issuer, self._keyring
        checks: dict[str, Callable[[], bool]] = {}
        if issuer is not None:
            checks["jwt_keys"] = lambda: issuer.keys.there
        if keyring is not None:
            checks["api_keys"] = lambda: keyring.keys.settled
        return checks

    async def start(self) -> None:
        """Begins to read; returns at once."""
        for each in self._read:
            await each.start()

    async def stop(self) -> None:
        for each in self._read:
            await each.stop()


def _issuer(settings: Settings) -> Issuer | None:
    if not settings.jwt_keys:
        return None
    if not settings.jwt_issuer:
        raise ValueError("LACAK_JWT_ISSUER is needed with LACAK_JWT_KEYS: the `iss` that tokens must have")
    try:
        keys = issuers_keys(settings.jwt_keys, settings.jwt_keys_seconds)
    except NoKeys as error:
        raise ValueError(f"LACAK_JWT_KEYS: {error}") from error
    return Issuer(keys, settings.jwt_issuer, settings.jwt_audience, [*REQUIRED, "iss"])
