"""What couriers send: updates as JSON bodies, and the Avro messages that become of them."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.config import JsonDict

from api.models import IdOrder, Strict, Time, Word
from streams.carrier_codes import CODE_LENGTH, Carriers, written
from streams.messages import EVENT_ID_LENGTH, NOTE_LENGTH, WORD_LENGTH, Message, check_update
from streams.order import PLACED_EVENT_ID, STATUSES

BATCH_MAX = 500
_ABSENT = object()


def _absent() -> Any:
    return _ABSENT


def _never_null(schema: dict[str, Any]) -> None:
    """Describes a field that may be absent, and may not be null."""
    schema.update(next(one for one in schema.pop("anyOf") if one.get("type") != "null"))


def _known_status(value: str) -> str:
    if value not in STATUSES:
        raise ValueError("not a status; GET /v1/lifecycle lists them")
    return value


def _code(value: object) -> object:
    """A code is a text; a number is its plain decimal."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _own_event_id(value: str) -> str:
    if value == PLACED_EVENT_ID:
        raise ValueError(f"{PLACED_EVENT_ID!r} is the order's own")
    return value


Status = Annotated[str, AfterValidator(_known_status), WithJsonSchema({"type": "string", "enum": list(STATUSES)})]
Code = Annotated[
    str,
    BeforeValidator(_code),
    Field(min_length=1, max_length=CODE_LENGTH),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "minLength": 1, "maxLength": CODE_LENGTH}, {"type": "integer"}]},
        mode="validation",
    ),
]
EventId = Annotated[str, Field(min_length=1, max_length=EVENT_ID_LENGTH), AfterValidator(_own_event_id)]


class CarrierCode(Strict):
    """What happened, in a carrier's own words; `lacak carriers list` shows which there are, and what they mean."""

    vocabulary: Word | None = Field(None, description="whose words these are; the courier's own when absent")
    code: Code
    subcode: Code | None = Field(None, description="where a code has finer ones: a subtag, a disposition")


_ONE_OF_BOTH: JsonDict = {"oneOf": [{"required": ["status"]}, {"required": ["carrier_code"]}]}


class NewStatus(Strict):
    """A courier's update of one order: `status`, or `carrier_code` in its place. latitude, longitude: both or none."""

    model_config = ConfigDict(
        json_schema_extra={
            **_ONE_OF_BOTH,
            "examples": [
                {"status": "picked_up", "courier": "jne", "event_id": "jne-8841-3"},
                {"carrier_code": {"vocabulary": "aftership", "code": "OutForDelivery"}, "courier": "jne"},
            ],
        }
    )

    carrier_code: CarrierCode | None = Field(
        default_factory=_absent, validate_default=True, json_schema_extra=_never_null
    )
    status: Status | None = Field(default_factory=_absent, validate_default=True, json_schema_extra=_never_null)
    event_id: EventId | None = Field(None, description="unique per order, the de-duplication key; assigned when absent")
    occurred_at: Time | None = Field(None, description="the courier's clock; now when absent")
    courier: Word | None = Field(None, description="the token's `courier` when absent")
    substatus: Annotated[str, Field(max_length=WORD_LENGTH)] | None = None
    note: Annotated[str, Field(max_length=NOTE_LENGTH)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    eta: Time | None = None

    @field_validator("carrier_code", mode="before")
    @classmethod
    def _may_be_absent(cls, value: object) -> object:
        if value is None:
            raise ValueError("null is none")
        return None if value is _ABSENT else value

    @field_validator("status", mode="before")
    @classmethod
    def _one_of_both(cls, value: object, info: ValidationInfo) -> object:
        known = info.data.get("carrier_code", _ABSENT)  # which is not there when it is not valid, and told already
        if value is not _ABSENT:
            if isinstance(known, CarrierCode):
                raise ValueError("carrier_code is in its place: one of both")
            return _ABSENT if value is None else value  # which is no text
        if known is None:
            raise ValueError("needed, or carrier_code in its place")
        return None

    def message(self, id_order: int, event_id: str, courier: str, now: int, carriers: Carriers) -> Message:
        """The CourierStatusUpdate; raises `Invalid`, `UnknownVocabulary` or `UnknownCode`. `now` in milliseconds."""
        code = self.carrier_code
        said = written(code.code, code.subcode) if code else None
        message = {
            "event_id": event_id,
            "id_order": id_order,
            "status": carriers.status(code.vocabulary or courier, code.code, code.subcode) if code else self.status,
            "occurred_at": now if self.occurred_at is None else self.occurred_at,
            "courier": courier,
            "substatus": said if self.substatus is None else self.substatus,
            "note": self.note,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "eta": self.eta,
        }
        check_update(message)
        return message


class BatchedStatus(NewStatus):
    """A courier's update in a batch: it names its order."""

    model_config = ConfigDict(
        json_schema_extra={
            **_ONE_OF_BOTH,
            "examples": [{"id_order": "183926749237248001", "status": "delivered", "courier": "jne"}],
        }
    )

    id_order: IdOrder


class StatusBatch(Strict):
    """1 to 500 updates. Each is judged by itself; one order's are sent in the order they have here."""

    # Validated one by one, so that a bad one does not refuse the good ones beside it.
    updates: list[SkipValidation[BatchedStatus]] = Field(min_length=1, max_length=BATCH_MAX)

    def items(self) -> list[Any]:
        """The updates as they came, not validated."""
        return list(self.updates)


def said_by_us(id_order: int, event_id: str, status: str, now: int, by: str, **more: Any) -> Message:
    """The CourierStatusUpdate of somebody who is no courier and is nowhere; raises `Invalid`. `now` in milliseconds,
    `more`: what else is said."""
    nothing = dict.fromkeys(("substatus", "latitude", "longitude", "eta"))
    message = {"event_id": event_id, "id_order": id_order, "status": status, "occurred_at": now, "courier": by}
    message |= nothing | more
    check_update(message)
    return message
