"""Every statement, once. `{keyspace}` stands for the keyspace; times are read as integer milliseconds."""


def _columns(text: str) -> list[str]:
    return text.split()


ORDER_COLUMNS = _columns(
    "id_order id_user id_produk harga jumlah total_harga currency placed_at produk_nama promised_at "
    "status status_at version courier eta placed_incarnation placed_partition placed_offset placed_recorded_at couriers"
)
HISTORY_COLUMNS = _columns(
    "id_order id_order_status_history status previous_status version applied occurred_at recorded_at event_id "
    "courier substatus note latitude longitude eta source_incarnation source_topic source_partition source_offset "
    "corrects operator"
)
LIST_COLUMNS = _columns("placed_at id_order")
WAITING_COLUMNS = _columns(
    "id_order source_incarnation source_partition source_offset recorded_at value headers rejected_at"
)
_TIMES = frozenset(
    _columns("placed_at promised_at status_at eta placed_recorded_at occurred_at recorded_at rejected_at")
)


def _insert(table: str, columns: list[str]) -> str:
    marks = ", ".join("?" * len(columns))
    names = ", ".join(columns)
    return f"INSERT INTO {{keyspace}}.{table} ({names}) VALUES ({marks}) USING TIMESTAMP ? AND TTL ?"


def _select(table: str, columns: list[str], rest: str) -> str:
    names = ", ".join(f"to_unix_timestamp({name})" if name in _TIMES else name for name in columns)
    return f"SELECT {names} FROM {{keyspace}}.{table} {rest}".rstrip()


WRITE_ORDER = _insert("orders", ORDER_COLUMNS)
WRITE_HISTORY = _insert("order_status_history", HISTORY_COLUMNS)
WRITE_OF_USER = _insert("orders_by_user", ["id_user", "month", *LIST_COLUMNS])
WRITE_OF_PRODUK = _insert("orders_by_produk", ["id_produk", "day", *LIST_COLUMNS])
WRITE_MONTH = _insert("months_by_user", ["id_user", "month"])
WRITE_WAITING = _insert("waiting_updates", WAITING_COLUMNS[:-1])
MARK_REJECTED = (
    "UPDATE {keyspace}.waiting_updates USING TIMESTAMP ? AND TTL ? SET rejected_at = ? "
    "WHERE id_order = ? AND source_incarnation = ? AND source_partition = ? AND source_offset = ?"
)

READ_ORDER = _select("orders", ORDER_COLUMNS, "WHERE id_order = ?")
READ_HISTORY = _select("order_status_history", HISTORY_COLUMNS, "WHERE id_order = ?")
READ_HISTORY_BEFORE = _select(
    "order_status_history", HISTORY_COLUMNS, "WHERE id_order = ? AND id_order_status_history < ? LIMIT ?"
)
READ_MONTHS = "SELECT month FROM {keyspace}.months_by_user WHERE id_user = ? AND month <= ?"
READ_OF_USER = _select(
    "orders_by_user", LIST_COLUMNS, "WHERE id_user = ? AND month = ? AND (placed_at, id_order) < (?, ?)"
)
READ_OF_PRODUK = _select(
    "orders_by_produk", LIST_COLUMNS, "WHERE id_produk = ? AND day = ? AND (placed_at, id_order) < (?, ?)"
)
READ_USERS = "SELECT DISTINCT id_user FROM {keyspace}.months_by_user LIMIT ?"
COUNT_OF_USER = "SELECT count(*) FROM {keyspace}.orders_by_user WHERE id_user = ? AND month = ?"
READ_WAITING = _select("waiting_updates", WAITING_COLUMNS, "WHERE id_order = ?")
READ_ALL_WAITING = _select("waiting_updates", WAITING_COLUMNS, "")

# Of `lacak rebuild`, which scans: by token, and no other process prepares them.
_AFTER = "WHERE token(id_order) > ? AND token(id_order) <= ? LIMIT ?"
SCAN_ORDERS = f"SELECT id_order, token(id_order) FROM {{keyspace}}.orders {_AFTER}"
SCAN_HISTORIES = f"SELECT DISTINCT id_order, token(id_order) FROM {{keyspace}}.order_status_history {_AFTER}"
READ_LIVES = (
    "SELECT TTL(status), TTL(status_at), TTL(version), TTL(courier), TTL(eta) FROM {keyspace}.orders WHERE id_order = ?"
)
_OF = "WHERE {owner} = ? AND {part} = ? AND placed_at = ? AND id_order = ?"
IS_OF_USER = _select("orders_by_user", ["id_order"], _OF.format(owner="id_user", part="month"))
IS_OF_PRODUK = _select("orders_by_produk", ["id_order"], _OF.format(owner="id_produk", part="day"))
IS_MONTH = "SELECT month FROM {keyspace}.months_by_user WHERE id_user = ? AND month = ?"
REBUILD = (SCAN_ORDERS, SCAN_HISTORIES, READ_LIVES, IS_OF_USER, IS_OF_PRODUK, IS_MONTH)

READ_NODES = "SELECT node, owner FROM {keyspace}.snowflake_nodes"
TAKE_NODE = "INSERT INTO {keyspace}.snowflake_nodes (node, owner) VALUES (?, ?) IF NOT EXISTS USING TTL ?"
RENEW_NODE = "UPDATE {keyspace}.snowflake_nodes USING TTL ? SET owner = ? WHERE node = ? IF owner = ?"

_HELD = "request, owner, began_at, held_at, id_order"
_SET_HELD = "SET request = ?, owner = ?, began_at = ?, held_at = ?, id_order = ?"
READ_KEY = f"SELECT {_HELD}, status, headers, body FROM {{keyspace}}.idempotency_keys WHERE key = ?"
HOLD_KEY = (
    f"INSERT INTO {{keyspace}}.idempotency_keys (key, {_HELD}) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?"
)
TAKE_KEY = f"UPDATE {{keyspace}}.idempotency_keys USING TTL ? {_SET_HELD} WHERE key = ? IF owner = ? AND status = null"
ANSWER_KEY = (
    f"UPDATE {{keyspace}}.idempotency_keys USING TTL ? {_SET_HELD}, status = ?, headers = ?, body = ? "
    "WHERE key = ? IF owner = ?"
)

_KEY_COLUMNS = "id, digest, name, scopes, courier, created_at, created_by, expires_at, revoked_at"
READ_API_KEYS = f"SELECT {_KEY_COLUMNS} FROM {{keyspace}}.api_keys WHERE realm = 'lacak'"
WRITE_API_KEY = f"INSERT INTO {{keyspace}}.api_keys (realm, {_KEY_COLUMNS}) VALUES ('lacak', ?, ?, ?, ?, ?, ?, ?, ?, ?)"
REVOKE_API_KEY = "UPDATE {keyspace}.api_keys SET revoked_at = ? WHERE realm = 'lacak' AND id = ?"

_REJECTED_COLUMNS = _columns("id_order event_id courier status reason detail recorded_at")
WRITE_REJECTED = _insert("rejected_updates", _REJECTED_COLUMNS)
READ_REJECTED = (
    f"SELECT {', '.join(_REJECTED_COLUMNS)} FROM {{keyspace}}.rejected_updates WHERE id_order = ? AND event_id = ?"
)

PING = "SELECT key FROM system.local"

ALL = (
    WRITE_ORDER,
    WRITE_HISTORY,
    WRITE_OF_USER,
    WRITE_OF_PRODUK,
    WRITE_MONTH,
    WRITE_WAITING,
    MARK_REJECTED,
    READ_ORDER,
    READ_HISTORY,
    READ_HISTORY_BEFORE,
    READ_MONTHS,
    READ_OF_USER,
    READ_OF_PRODUK,
    READ_USERS,
    COUNT_OF_USER,
    READ_WAITING,
    READ_ALL_WAITING,
    READ_NODES,
    TAKE_NODE,
    RENEW_NODE,
    READ_KEY,
    HOLD_KEY,
    TAKE_KEY,
    ANSWER_KEY,
    WRITE_REJECTED,
    READ_REJECTED,
    READ_API_KEYS,
    WRITE_API_KEY,
    REVOKE_API_KEY,
    PING,
)
