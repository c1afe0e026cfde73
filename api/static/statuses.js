/**
 * The thirteen statuses in words a customer reads, Indonesian and English.
 * `tone` is what the page makes of it: moving, waiting for the customer, trouble, good, or over without delivery.
 * @module statuses
 */

/** @type {Readonly<Record<string, {id: string, en: string, tone: "moving" | "waiting" | "trouble" | "good" | "over"}>>} */
export const STATUSES = Object.freeze({
  placed: { id: "Pesanan dibuat", en: "Order placed", tone: "moving" },
  confirmed: { id: "Dikonfirmasi", en: "Confirmed", tone: "moving" },
  picked_up: { id: "Diambil kurir", en: "Picked up", tone: "moving" },
  in_transit: { id: "Dalam perjalanan", en: "In transit", tone: "moving" },
  out_for_delivery: { id: "Sedang diantar", en: "Out for delivery", tone: "moving" },
  attempt_failed: { id: "Pengantaran gagal", en: "Delivery attempt failed", tone: "trouble" },
  ready_for_pickup: { id: "Siap diambil", en: "Ready for pickup", tone: "waiting" },
  delivered: { id: "Terkirim", en: "Delivered", tone: "good" },
  exception: { id: "Ada kendala", en: "Exception", tone: "trouble" },
  returning: { id: "Dikembalikan ke pengirim", en: "Returning to sender", tone: "trouble" },
  returned: { id: "Sudah kembali ke pengirim", en: "Returned to sender", tone: "over" },
  cancelled: { id: "Dibatalkan", en: "Cancelled", tone: "over" },
  lost: { id: "Paket hilang", en: "Lost", tone: "trouble" },
});

/** The usual way of an order; the others branch off it. */
export const WAY = Object.freeze(["placed", "confirmed", "picked_up", "in_transit", "out_for_delivery", "delivered"]);
export const TERMINAL = Object.freeze(["delivered", "returned", "cancelled"]);
