"""Who may connect, from where, and what for: read from the handshake, the same for both transports."""

from api.auth import ORDERS_READ, Authenticator, Caller
from api.hs256 import InvalidToken
from api.live.closes import EXPIRED, FORBIDDEN, POLICY, TRY_LATER, Refused
from api.live.handshake import Handshake
from api.live.tickets import Pass, Tickets
from api.refreshed import Away
from streams.messages import ID_MAX
from streams.settings import Settings
from streams.topics import plain_decimal

COOKIE = "lacak_live"
SUBPROTOCOL = "lacak.v1"
_TICKET_SUBPROTOCOL = "ticket."


def pass_of(caller: Caller) -> Pass:
    """What a token's caller may watch; raises Refused: the scope is needed, and a customer's `sub`."""
    if ORDERS_READ not in caller.scopes:
        raise Refused(FORBIDDEN, f"the scope {ORDERS_READ} is needed")
    if caller.id_user is None:
        raise Refused(FORBIDDEN, "the token's sub is no id_user")
    return Pass(caller.id_user, caller.expires_at)


class Admission:
    """Judges handshakes."""

    def __init__(self, settings: Settings, auth: Authenticator, tickets: Tickets) -> None:
        self._auth, self._tickets = auth, tickets
        self._origins = frozenset(origin.strip() for origin in settings.allowed_origins.split(",") if origin.strip())
        self._max_orders = settings.orders_per_connection

    def origin_is_allowed(self, handshake: Handshake) -> bool:
        """Browsers say who asks; others say nothing. Our own host is allowed, whatever scheme a proxy in front made
        of it."""
        origin = handshake.header(b"origin")
        return origin is None or origin in self._origins or self._is_own(origin, handshake)

    def foreign_origin(self, handshake: Handshake) -> str | None:
        """The allowed origin that is not our own, which the answer has to name (CORS)."""
        origin = handshake.header(b"origin")
        return origin if origin in self._origins and not self._is_own(origin or "", handshake) else None

    @staticmethod
    def _is_own(origin: str, handshake: Handshake) -> bool:
        return origin.partition("://")[2].lower() == (handshake.header(b"host") or "").lower() != ""

    def holder(self, handshake: Handshake, cookie: bool = False) -> Pass:
        """Whom the ticket, bearer token or (where it counts) cookie lets in; raises Refused."""
        ticket = handshake.parameter("ticket") or _offered_ticket(handshake)
        scheme, _, token = (handshake.only(b"authorization") or "").partition(" ")
        session = handshake.cookie(COOKIE) if cookie else None
        try:
            if ticket is not None:
                return self._tickets.redeem(ticket)
            if scheme.lower() == "bearer":
                return pass_of(self._auth.verify(token.strip()))
            if session is not None:
                return self._tickets.session_of(session)
        except InvalidToken as error:
            raise Refused(EXPIRED, str(error)) from error
        except Away as error:
            raise Refused(TRY_LATER, "the keys that tokens are verified with cannot be had") from error
        raise Refused(EXPIRED, "no ticket and no token")

    def orders(self, handshake: Handshake) -> frozenset[int] | None:
        """The orders that it is narrowed to, None for all; raises Refused for what is no id, or too many."""
        texts = handshake.parameters("id_order")
        if len(texts) > self._max_orders:
            raise Refused(POLICY, f"id_order: more than {self._max_orders}")
        ids = frozenset(plain_decimal(text.encode()) or 0 for text in texts)
        if any(not 1 <= id_order <= ID_MAX for id_order in ids):
            raise Refused(POLICY, "id_order: not an id")
        return ids or None

    @staticmethod
    def cursor(handshake: Handshake) -> str | None:
        """Where it resumes. An EventSource reconnects with its first URL: then Last-Event-ID is the newer one."""
        return handshake.header(b"last-event-id") or handshake.parameter("cursor") or None


def _offered_ticket(handshake: Handshake) -> str | None:
    names = (name for name in handshake.subprotocols if name.startswith(_TICKET_SUBPROTOCOL))
    return next((name.removeprefix(_TICKET_SUBPROTOCOL) for name in names), None)


def subprotocol(handshake: Handshake) -> str | None:
    """The subprotocol to answer with."""
    return SUBPROTOCOL if SUBPROTOCOL in handshake.subprotocols else None
