"""What the simulated couriers carry, who they are, and where they go: data for `cli/couriers.py`."""

from typing import NamedTuple


class City(NamedTuple):
    """A place on the map."""

    name: str
    latitude: float
    longitude: float


class Produk(NamedTuple):
    """Something a shop sells; `harga` in rupiah."""

    id_produk: int
    nama: str
    harga: int


CITIES = (
    City("Jakarta", -6.2088, 106.8456),
    City("Bandung", -6.9175, 107.6191),
    City("Semarang", -6.9667, 110.4167),
    City("Yogyakarta", -7.7956, 110.3695),
    City("Surabaya", -7.2575, 112.7521),
    City("Malang", -7.9666, 112.6326),
    City("Denpasar", -8.6705, 115.2126),
    City("Medan", 3.5952, 98.6722),
    City("Padang", -0.9471, 100.4172),
    City("Palembang", -2.9761, 104.7754),
    City("Pontianak", -0.0263, 109.3425),
    City("Balikpapan", -1.2379, 116.8529),
    City("Makassar", -5.1477, 119.4327),
    City("Manado", 1.4748, 124.8421),
)

PRODUK = (
    Produk(101, "Kopi Arabika Gayo 250 g", 85_000),
    Produk(102, "Kemeja batik tulis Solo", 425_000),
    Produk(103, "Sambal roa Manado", 48_000),
    Produk(104, "Rice cooker 1,8 liter", 389_000),
    Produk(105, "Sepatu lari putih 42", 649_000),
    Produk(106, "Tas anyaman rotan Bali", 215_000),
    Produk(107, "Headset nirkabel", 299_000),
    Produk(108, "Madu hutan Sumbawa 500 ml", 135_000),
    Produk(109, "Buku: Laskar Pelangi", 89_000),
    Produk(110, "Panel surya mini 20 W", 540_000),
    Produk(111, "Kain tenun Sumba", 1_250_000),
    Produk(112, "Susu formula 900 g", 178_000),
    Produk(113, "Ponsel 8/256 GB", 3_799_000),
    Produk(114, "Keripik tempe Malang", 27_500),
)

COURIERS = ("jne", "jnt", "sicepat", "anteraja", "pos")

NOTES = {
    "confirmed": ("Pembayaran diterima, pesanan disiapkan penjual", "Pesanan dikemas"),
    "picked_up": ("Paket diambil kurir dari gudang {origin}", "Paket diserahkan ke gerai {origin}"),
    "in_transit": ("Tiba di pusat sortir {place}", "Berangkat dari {place}", "Transit di {place}"),
    "out_for_delivery": ("Kurir menuju alamat di {destination}", "Paket dibawa kurir, mohon siapkan penerima"),
    "attempt_failed": (
        "Penerima tidak di tempat",
        "Rumah kosong, dicoba lagi",
        "Alamat tidak ditemukan, kurir menelepon",
    ),
    "ready_for_pickup": ("Siap diambil di gerai {destination}, bawa KTP",),
    "delivered": ("Diterima oleh yang bersangkutan", "Diterima satpam", "Diterima tetangga", "Diterima keluarga"),
    "exception": ("Tertahan karena cuaca buruk di {place}", "Kemasan rusak, dikemas ulang di {place}"),
    "returning": ("Paket dikirim kembali ke {origin}",),
    "returned": ("Paket kembali di penjual, {origin}",),
    "cancelled": ("Dibatalkan pembeli", "Stok penjual habis"),
    "lost": ("Paket tidak ditemukan, sedang ditelusuri",),
}
# What a courier's own system calls the step; shown as it is.
SUBSTATUS = {
    "attempt_failed": ("CUSTOMER_NOT_HOME", "BAD_ADDRESS"),
    "exception": ("WEATHER", "DAMAGED_PACKAGE"),
    "in_transit": ("MANIFEST", "DEPARTED", "ARRIVED_AT_HUB"),
}
