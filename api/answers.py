"""What clients get: the shapes of JSON answers. Ids are strings, times RFC 3339 in UTC with milliseconds."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from streams.order import STATUSES

Id = Annotated[str, Field(pattern="^[0-9]{1,19}$", examples=["183926749237248001"])]
Time = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-24T02:30:00.000Z"]})
]
Status = Annotated[str, WithJsonSchema({"type": "string", "enum": list(STATUSES)})]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OrderTaken(Answer):
    """An order that Kafka has."""

    id_order: Id
    placed_at: Time
    total_harga: int


class StatusTaken(Answer):
    """An update that Kafka has."""

    event_id: str
    id_order: Id


class ItemResult(Answer):
    """What became of one update of a batch: `event_id` when it was taken, else `problem`."""

    index: int
    status: int = Field(description="the HTTP status it would have had by itself")
    event_id: str | None = None
    problem: Annotated[dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/Problem"})] | None = None


class BatchResult(Answer):
    """One result an update, in their order."""

    results: list[ItemResult]


class OrderNow(Answer):
    """An order and its current status."""

    id_order: Id
    id_user: int
    id_produk: int
    produk_nama: str | None
    harga: int
    jumlah: int
    total_harga: int
    currency: str
    placed_at: Time
    promised_at: Time | None
    status: Status
    status_at: Time
    version: int
    courier: str | None
    eta: Time | None
    couriers: list[str] | None


class HistoryItem(Answer):
    """One row of an order's history. Late ones have `applied` false, version and previous_status null."""

    id_order_status_history: Id
    status: Status
    previous_status: Status | None
    version: int | None
    applied: bool
    occurred_at: Time
    recorded_at: Time
    event_id: str
    courier: str | None
    substatus: str | None
    note: str | None
    latitude: float | None
    longitude: float | None
    eta: Time | None
    corrects: int | None = Field(description="an operator's correction: the version whose status it takes back")
    operator: str | None = Field(None, description="who corrected; told to `ops` only")


class OrderList(Answer):
    """Part of a list; `next` is the cursor of the next part, or null."""

    items: list[OrderNow]
    next: str | None


class History(Answer):
    """Part of a history, newest first; `next` is the cursor of the next part, or null."""

    items: list[HistoryItem]
    next: str | None


class UpdateFate(Answer):
    """What became of an update. `recorded_at`: when Kafka took it; `reason`: of a rejected one."""

    id_order: Id
    event_id: str
    outcome: Annotated[str, WithJsonSchema({"type": "string", "enum": ["applied", "late", "pending", "rejected"]})]
    courier: str | None
    status: str
    recorded_at: Time
    version: int | None
    reason: str | None
    detail: str | None


class ShareLink(Answer):
    """A link to one order: `path` is under the API's address."""

    token: str
    path: str
    expires_at: Time


class SharedChange(Answer):
    """One change of a shared order."""

    status: Status
    occurred_at: Time
    version: int
    corrects: int | None


class SharedOrder(Answer):
    """What whoever has the link sees of an order. `history`: newest first."""

    id_order: Id
    placed_at: Time
    promised_at: Time | None
    status: Status
    status_at: Time
    version: int
    courier: str | None
    eta: Time | None
    history: list[SharedChange]


class Lifecycle(Answer):
    """The statuses, from which to which an order may go, and where it ends."""

    statuses: list[Status]
    transitions: dict[str, list[Status]]
    terminal: list[Status]


class LocalUser(Answer):
    """A user and the number of its orders."""

    id_user: int
    orders: int


class LocalUsers(Answer):
    users: list[LocalUser]


class LocalToken(Answer):
    """A token, and for how many seconds it is good."""

    token: str
    expires_in: int


class Health(Answer):
    """Whether this process can take traffic, and what it depends on."""

    ready: bool
    checks: dict[str, bool]


class Alive(Answer):
    status: str = Field(examples=["alive"])
