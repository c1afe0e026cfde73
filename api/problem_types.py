"""The kinds of failure there are, once: what a client may rely on in a problem's `type`."""

from dataclasses import dataclass

URN = "urn:lacak:problem:"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of failure: its stable name, its HTTP status, and what it says in general."""

    name: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        return URN + self.name


NOT_JSON = ProblemType("not-json", 400, "The body is not JSON")
BAD_REQUEST = ProblemType("bad-request", 400, "The request makes no sense")
UNAUTHENTICATED = ProblemType("unauthenticated", 401, "A valid bearer token is needed")
FORBIDDEN = ProblemType("forbidden", 403, "The token does not allow this")
NOT_FOUND = ProblemType("not-found", 404, "There is no such thing, or not for this caller")
METHOD_NOT_ALLOWED = ProblemType("method-not-allowed", 405, "This resource has no such method")
REQUEST_TIMEOUT = ProblemType("request-timeout", 408, "The request did not come to its end in time")
IN_PROGRESS = ProblemType("in-progress", 409, "A request with this Idempotency-Key is still being worked on: try again")
LINK_ENDED = ProblemType("link-ended", 410, "This share link has ended")
TOO_LARGE = ProblemType("too-large", 413, "The body is larger than 1 MiB")
NOT_JSON_TYPE = ProblemType("unsupported-media-type", 415, "The body must be application/json")
VALIDATION = ProblemType("validation", 422, "Some fields are not valid")
UNKNOWN_STATUS = ProblemType("unknown-status", 422, "The carrier's code is in no mapping: not a status that is known")
KEY_REUSED = ProblemType("idempotency-key-reused", 422, "The Idempotency-Key is that of another request")
TOO_MANY = ProblemType("too-many", 429, "Too many at once")
HEAD_TOO_LARGE = ProblemType("head-too-large", 431, "Request line and headers are larger than 64 KiB")
INTERNAL = ProblemType("internal", 500, "We failed; it is logged")
NO_ANSWER = ProblemType("no-answer", 502, "It is not known whether this was done: send it again")
NOT_TAKEN = ProblemType("not-taken", 503, "Kafka did not confirm the record in time: send it again")
OVERLOADED = ProblemType("overloaded", 503, "Kafka does not keep up; nothing was sent: try again later")
STORE_AWAY = ProblemType("store-away", 503, "Orders cannot be read at the moment: try again")
NO_IDS = ProblemType("no-ids", 503, "No id can be assigned at the moment: try again, or send one")
UNAVAILABLE = ProblemType("unavailable", 503, "Not at the moment: try again")
LATE_ANSWER = ProblemType("late-answer", 504, "It is not known whether this was done: send it again")

ALL = (
    NOT_JSON,
    BAD_REQUEST,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    REQUEST_TIMEOUT,
    IN_PROGRESS,
    LINK_ENDED,
    TOO_LARGE,
    NOT_JSON_TYPE,
    VALIDATION,
    UNKNOWN_STATUS,
    KEY_REUSED,
    TOO_MANY,
    HEAD_TOO_LARGE,
    INTERNAL,
    NO_ANSWER,
    NOT_TAKEN,
    OVERLOADED,
    STORE_AWAY,
    NO_IDS,
    UNAVAILABLE,
    LATE_ANSWER,
)
