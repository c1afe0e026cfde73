"""Who is believed, as the settings have it: the issuer or the deployment's secret, and API keys."""

from collections.abc import Callable
from typing import Any

from api.auth import REQUIRED, Authenticator
from api.issuer import Issuer, NoKeys, issuers_keys
from api.keyring import Keyring
from api.refreshed import Refreshed
from api.secret import check_secrets
from api.store import Store
from streams.settings import Settings


class Identity:
    """The authenticator, and what it must read before it can judge. Raises ValueError, which says what to do, for
    settings that are none. `store`: where API keys are, where they are taken; `clock`: ms since 1970."""

    def __init__(self, settings: Settings, clock: Callable[[], int], store: Store | None) -> None:
        check_secrets(settings)
        self._issuer = _issuer(settings)
        self._store = store
        self._keyring = keyring = None if store is None else Keyring(store.settled, clock)
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
        """What must be there before tokens can be judged; API keys, while the store is waited for."""
        issuer, keyring, store = self._issuer, self._keyring, self._store
        checks: dict[str, Callable[[], bool]] = {}
        if issuer is not None:
            checks["jwt_keys"] = lambda: issuer.keys.there
        if keyring is not None and store is not None:
            checks["api_keys"] = lambda: keyring.keys.there or store.waited
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
