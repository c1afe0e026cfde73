"""The moves of a plan as messages, with the times at which they are made."""

from cli.couriers import HOUR_MS, Journey, Move, Step
from cli.publish import Item
from streams.messages import Message


class Reports:
    """Makes the messages of `traffic`. Remembers of each open order when its last two steps happened."""

    def __init__(self) -> None:
        self._times: dict[int, tuple[int, int]] = {}

    def item(self, move: Move, now: int) -> Item:
        """The message of a move that is made at `now`."""
        journey, step = move.journey, move.step
        if step is None:
            self._times[journey.id_order] = (now, now)
            return Item(True, placed(journey, now), f"order {journey.id_order}")
        message = scanned(journey, step, self._happened(journey.id_order, step, now))
        if move.last:
            del self._times[journey.id_order]
        return Item(False, message, f"order {journey.id_order} {step.event_id}")

    def _happened(self, id_order: int, step: Step, now: int) -> int:
        """When a step happened: now, or, when it is reported late, before the one that is known already."""
        before, last = self._times[id_order]
        if step.late:
            return min((before + last) // 2, last - 1)
        self._times[id_order] = (last, max(now, last + 1))
        return self._times[id_order][1]


def placed(journey: Journey, now: int) -> Message:
    """The OrderPlaced of a journey that begins now."""
    return {
        "id_order": journey.id_order,
        "id_user": journey.id_user,
        "id_produk": journey.produk.id_produk,
        "harga": journey.produk.harga,
        "jumlah": journey.jumlah,
        "total_harga": journey.produk.harga * journey.jumlah,
        "currency": "IDR",
        "placed_at": now,
        "produk_nama": journey.produk.nama,
        "promised_at": now + round(journey.promised_hours * HOUR_MS),
    }


def scanned(journey: Journey, step: Step, at: int) -> Message:
    """The CourierStatusUpdate of a step that happened `at`."""
    return {
        "event_id": step.event_id,
        "id_order": journey.id_order,
        "status": step.status,
        "occurred_at": at,
        "courier": journey.courier,
        "substatus": step.substatus,
        "note": step.note,
        "latitude": step.latitude,
        "longitude": step.longitude,
        "eta": None if step.eta_hours is None else at + round(step.eta_hours * HOUR_MS),
    }
