"""API keys: which are taken, as whom, and what nobody can make of what is kept."""

import pytest

from api.auth import STATUS_WRITE, Authenticator, Caller
from api.hs256 import InvalidToken, UnknownKey
from api.keyring import Keyring
from api.refreshed import Away
from connected import connected
from tables.api_keys import ApiKey, new_key, parts
from tables.memory_orders import MemoryOrders

NOW = 1_790_000_000_000
HOUR = 3_600_000
SECRET = "a secret of the tests, 32 bytes long or more"


def a_key(**changes: object) -> tuple[str, ApiKey]:
    text, key = new_key("jne-test", frozenset({STATUS_WRITE}), "jne", NOW - HOUR, "ops", NOW + HOUR)
    return text, key._replace(**changes)


async def keyring(*keys: ApiKey, now: int = NOW) -> Keyring:
    """One that has read these."""
    store = MemoryOrders()
    for key in keys:
        await store.add_api_key(key)
    made = Keyring(connected(store), lambda: now)
    await made.keys.start()
    await made.keys.again()
    await made.keys.stop()
    return made


async def test_a_key_is_its_owners_with_its_scopes_until_it_ends() -> None:
    text, key = a_key()
    auth = Authenticator(SECRET, "lacak", 5, keys=await keyring(key))
    assert auth.verify(text) == Caller("jne-test", frozenset({STATUS_WRITE}), "jne", (NOW + HOUR) // 1000)


async def test_keys_that_have_ended_are_refused() -> None:
    text, key = a_key()
    (await keyring(key, now=NOW + HOUR - 1)).caller(text)
    with pytest.raises(InvalidToken, match="expired"):
        (await keyring(key, now=NOW + HOUR)).caller(text)
    with pytest.raises(InvalidToken, match="revoked"):
        (await keyring(key._replace(revoked_at=NOW - 1))).caller(text)


async def test_another_secret_or_another_id_opens_nothing() -> None:
    (text, key), (other, _) = a_key(), a_key()
    ring = await keyring(key)
    secret, other_secret = text.rsplit(key.id, 1)[1], other[len("lck_") + 16 :]
    with pytest.raises(UnknownKey):
        ring.caller(other)
    with pytest.raises(InvalidToken) as refused:
        ring.caller(text.replace(secret, other_secret))
    assert not isinstance(refused.value, UnknownKey)
    assert other_secret[1:] not in str(refused.value)


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: text + "A", lambda text: text[:-1], lambda text: text + "\n"]
)
async def test_what_is_not_quite_a_key_is_refused(change: object) -> None:
    text, key = a_key()
    with pytest.raises(InvalidToken):
        Authenticator(SECRET, "lacak", 5, keys=await keyring(key)).verify(change(text))  # type: ignore[operator]


async def test_keys_are_not_taken_where_there_is_no_keyring() -> None:
    with pytest.raises(InvalidToken, match="not taken"):
        Authenticator(SECRET, "lacak", 5).verify(a_key()[0])


def test_before_the_keys_are_read_nothing_is_said() -> None:
    with pytest.raises(Away):
        Keyring(connected(MemoryOrders()), lambda: NOW).caller(a_key()[0])


def test_what_is_kept_does_not_hold_the_secret() -> None:
    text, key = a_key()
    _, secret = parts(text) or ("", "")
    assert key.opens(secret) and not key.opens(secret[:-1])
    assert secret.encode() not in key.digest and len(key.digest) == 32
    assert a_key()[0] != text
