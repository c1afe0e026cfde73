"""What to tell whom: the words of each status in Indonesian and English, and the decision whether to say them.

An operator's correction is always news: the customer was told of what it takes back.

Pure. A notification is made of its change and of nothing else, so a replay says the same again, byte for byte.
"""

from typing import NamedTuple

from streams.messages import ID_MAX, INT_MAX, TIME_MAX, TIME_MIN, Message
from tables.users import OpenOrder, UserOrders, advance, is_seen, last_seen

KIND = "status"
PRODUK_LENGTH = 60
COURIER_LENGTH = 40
NOTE_LENGTH = 200


class Words(NamedTuple):
    """Templates of one status. Titles stand on a lock screen: at most 60 characters, nothing to fill in."""

    title: str
    body: str
    title_en: str
    body_en: str
    with_note: bool = True  # whether the courier's note is for the customer
    note: str = "Catatan kurir"
    note_en: str = "Courier's note"


# Filled in: {paket} {Paket} {pesanan} {kurir} {Kurir}, {parcel} {Parcel} {order} {courier} {Courier}.
WORDS = {
    "picked_up": Words(
        "Paketmu sudah diambil kurir",
        "{Paket} sudah diambil {kurir} dan segera dikirim ke alamatmu.",
        "Your parcel has been picked up",
        "{Courier} has picked up {parcel}. It will soon be on its way to you.",
        with_note=False,
    ),
    "out_for_delivery": Words(
        "Paketmu sedang diantar kurir",
        "{Paket} sedang diantar {kurir} ke alamatmu. Pastikan ada yang menerima, ya.",
        "Your parcel is out for delivery",
        "{Courier} is bringing {parcel} to your address. Please make sure someone is there to receive it.",
        with_note=False,
    ),
    "attempt_failed": Words(
        "Paketmu belum berhasil diantar",
        "{Kurir} sudah mencoba mengantar {paket}, tapi belum berhasil.",
        "We couldn't deliver your parcel",
        "{Courier} tried to deliver {parcel}, but was unable to.",
    ),
    "ready_for_pickup": Words(
        "Paketmu siap diambil",
        "{Paket} sudah sampai di tempat pengambilan dan siap kamu ambil.",
        "Your parcel is ready for pickup",
        "{Parcel} has arrived at the pickup point and is ready for you to collect.",
    ),
    "delivered": Words(
        "Paketmu sudah sampai",
        "{Paket} sudah sampai di tujuan. Terima kasih sudah berbelanja!",
        "Your parcel has been delivered",
        "{Parcel} has been delivered. Thank you for your order!",
    ),
    "exception": Words(
        "Ada kendala pada pengiriman paketmu",
        "Pengiriman {paket} mengalami kendala. Kami akan mengabarimu begitu ada perkembangan.",
        "There is a problem with your delivery",
        "The delivery of {parcel} has run into a problem. We'll let you know as soon as there is news.",
    ),
    "returned": Words(
        "Paketmu sudah kembali ke penjual",
        "{Paket} sudah dikirim kembali dan diterima oleh penjual.",
        "Your parcel has been returned to the seller",
        "{Parcel} has been sent back, and the seller has received it.",
    ),
    "cancelled": Words(
        "Pesananmu dibatalkan",
        "{pesanan} sudah dibatalkan.",
        "Your order has been cancelled",
        "{order} has been cancelled.",
    ),
    "lost": Words(
        "Paketmu belum ditemukan",
        "Mohon maaf, {paket} hilang dalam pengiriman. Kalau ditemukan, kami akan segera mengabarimu.",
        "Your parcel can't be found",
        "We're sorry: {parcel} went missing on the way. If it turns up, we'll let you know right away.",
    ),
}
# What a correction alone says of the statuses that are no news by themselves.
QUIET = {
    "placed": ("{pesanan} tetap kami proses.", "{order} is being processed."),
    "confirmed": ("{pesanan} sudah dikonfirmasi.", "{order} has been confirmed."),
    "in_transit": ("{Paket} masih dalam perjalanan.", "{Parcel} is still on its way."),
    "returning": ("{Paket} sedang dikirim kembali ke penjual.", "{Parcel} is on its way back to the seller."),
}


class Decision(NamedTuple):
    """What one change means for its user."""

    orders: UserOrders  # the user's open orders after it
    notification: Message | None
    skipped: str | None  # why there is no notification: `seen` before, or a `quiet` status
    missing: int  # versions between the last one seen and this one, which never came


def decide(orders: UserOrders, change: Message, keep_ms: int) -> Decision:
    """Judges one change by the user's open orders. Orders without a change for `keep_ms` do not count."""
    known = last_seen(orders, change, keep_ms)
    if is_seen(known, change):
        return Decision(orders, None, "seen", 0)
    told = notification(change)
    after = advance(orders, change, told is not None, keep_ms)
    return Decision(after, told, None if told else "quiet", _missing(known, change))


def _missing(known: OpenOrder | None, change: Message) -> int:
    return 0 if known is None else int(change["version"]) - known.version - 1


def notification(change: Message) -> Message | None:
    """The UserNotification of an OrderStatusChanged; None for a status that is no news to a person."""
    words = WORDS.get(change["status"]) if change["corrects"] is None else _correction(change["status"])
    if words is None:
        return None
    fill = _fill(change)
    note = _clean(change["note"], NOTE_LENGTH) if words.with_note else ""
    return {
        "notification_id": notification_id(change),
        "id_user": change["id_user"],
        "id_order": change["id_order"],
        "kind": KIND,
        "status": change["status"],
        "version": change["version"],
        "title": words.title,
        "body": words.body.format_map(fill) + (f" {words.note}: {note}" if note else ""),
        "title_en": words.title_en,
        "body_en": words.body_en.format_map(fill) + (f" {words.note_en}: {note}" if note else ""),
        "created_at": change["recorded_at"],
    }


def _correction(status: str) -> Words | None:
    """That what was told is not so, and what is; the note says why."""
    known = WORDS.get(status)
    if known is None and status not in QUIET:
        return None
    body, body_en = QUIET[status] if known is None else (known.body, known.body_en)
    return Words(
        "Status pesananmu dikoreksi",
        f"Status sebelumnya keliru dan sudah dikoreksi. {body}",
        "Your order's status has been corrected",
        f"The status before was wrong, and has been corrected. {body_en}",
        note="Alasan",
        note_en="Reason",
    )


def notification_id(change: Message) -> str:
    """Deterministic: who drops repeated ones sees each announced change once."""
    return f"{change['id_order']}-{change['version']}"


def is_plausible(change: Message) -> bool:
    """Whether the numbers are such as the order-tracking worker writes; a stranger's record may decode, too."""
    return bool(
        1 <= change["id_order"] <= ID_MAX
        and 0 <= change["id_user"] <= INT_MAX
        and 1 <= change["version"] <= INT_MAX
        and TIME_MIN <= change["recorded_at"] <= TIME_MAX
    )


def _fill(change: Message) -> dict[str, str]:
    produk = _clean(change["produk_nama"], PRODUK_LENGTH)
    courier = _courier(change["courier"]) if change["corrects"] is None else ""  # which names no courier
    what = f'"{produk}"' if produk else None
    number = change["id_order"]
    return {
        "paket": f"paket {what}" if what else f"paketmu (pesanan {number})",
        "Paket": f"Paket {what}" if what else f"Paketmu (pesanan {number})",
        "pesanan": f"Pesananmu {what}" if what else f"Pesananmu (nomor {number})",
        "kurir": f"kurir {courier}" if courier else "kurir",
        "Kurir": f"Kurir {courier}" if courier else "Kurir",
        "parcel": f"your parcel {what}" if what else f"your parcel (order {number})",
        "Parcel": f"Your parcel {what}" if what else f"Your parcel (order {number})",
        "order": f"Your order {what}" if what else f"Your order (number {number})",
        "courier": courier or "the courier",
        "Courier": courier or "The courier",
    }


def _courier(name: str | None) -> str:
    """The courier as people write it: jne and tiki are JNE and TIKI, sicepat is Sicepat."""
    name = _clean(name, COURIER_LENGTH)
    if not name.islower():
        return name
    return name.upper() if len(name) <= 4 else name.capitalize()


def _clean(text: str | None, length: int) -> str:
    """One line of printable characters, cut with an ellipsis."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text or "").split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
