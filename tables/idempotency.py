"""Requests that are done once however often they are sent (Idempotency-Key, draft-ietf-httpapi-idempotency-key).

A request is held before its effect, with whatever is assigned to it; and answered after it. Whoever takes over what
somebody held and died with does it again with the same ids: so it is a duplicate of what may be there already.
"""

from typing import NamedTuple

KEPT_SECONDS = 24 * 60 * 60


class InProgress(Exception):
    """Somebody else holds the key."""


class OtherRequest(Exception):
    """The key is another request's."""


class Hold(NamedTuple):
    """One try of a request. `key` and `request` are digests; `owner` is this try's alone; `began_at`, of the first try,
    and `held_at` in ms; `id_order` is the one assigned at the first try, or None."""

    key: bytes
    request: bytes
    owner: str
    began_at: int
    held_at: int
    id_order: int | None


class Answer(NamedTuple):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


def after(mine: Hold, found: Hold, answer: Answer | None, stale_ms: int) -> Hold | Answer:
    """What a try is to do that finds its key: give the answer, or go on with what a try of more than `stale_ms` ago has
    begun. Raises OtherRequest and InProgress."""
    if found.request != mine.request:
        raise OtherRequest
    if answer is not None:
        return answer
    if found.held_at + stale_ms > mine.held_at:
        raise InProgress
    return mine._replace(began_at=found.began_at, id_order=found.id_order)
