"""Which service may do what at Kafka and Cassandra: one table, and nothing besides is allowed.

`lacak grants` makes the ACLs and grants of it, docs/security.md shows it, and tests/e2e/test_secure.py tries for each
service all that it leaves out. What a service does more must be put in here first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams import topics
from streams.kafka_acls import Acl
from streams.settings import Settings

READ, WRITE, CREATE, DESCRIBE = "Read", "Write", "Create", "Describe"
SELECT, MODIFY, ALTER = "SELECT", "MODIFY", "ALTER"  # CREATE is one of Cassandra's too
_SELECT, _MODIFY, _BOTH = (SELECT,), (MODIFY,), (SELECT, MODIFY)  # compare-and-set needs both

Operations = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Service:
    """What one kind of process is given. Whoever may read or write a topic may describe it, too."""

    name: str
    what: str
    topics: Operations
    groups: Operations = field(default_factory=dict)
    own_groups: bool = False
    """Whether it may use any group whose name begins with its user's."""
    tables: Operations = field(default_factory=dict)
    keyspace: tuple[str, ...] = ()

    def user(self, settings: Settings) -> str:
        """Its user at Kafka, and its role at Cassandra, unless they are called otherwise."""
        return settings.topic(f"lacak-{self.name}")

    def acls(self, settings: Settings, user: str) -> set[Acl]:
        """All that it is to be allowed at Kafka."""
        named = [("Topic", self.topics), ("Group", self.groups)]
        acls = {
            Acl(kind, settings.topic(name), "literal", operation)
            for kind, things in named
            for name, operations in things.items()
            for operation in operations
        }
        return acls | ({Acl("Group", user, "prefixed", READ)} if self.own_groups else set())


def ours(acl: Acl, settings: Settings, user: str) -> bool:
    """Whether an ACL of `user` is about something of this Lacak: only those are taken back."""
    return acl.name in {settings.topic(name) for name in (*TOPICS, *GROUPS)} | {user}


ORDERS, UPDATES, CHANGED = topics.ORDERS.name, topics.UPDATES.name, topics.CHANGED.name
REJECTED, NOTIFICATIONS, CHANGELOG = topics.REJECTED.name, topics.NOTIFICATIONS.name, topics.NOTIFY_CHANGELOG
TOPICS = (*(topic.name for topic in topics.ALL), CHANGELOG)
GROUPS = (topics.TRACK_GROUP, topics.NOTIFY_GROUP)
TABLES = (
    "orders",
    "order_status_history",
    "orders_by_user",
    "orders_by_produk",
    "months_by_user",
    "waiting_updates",
    "rejected_updates",
    "snowflake_nodes",
    "idempotency_keys",
    "api_keys",
    "schema_migrations",
)

API = Service(
    "api",
    "takes orders and updates, answers queries",
    topics={ORDERS: (WRITE,), UPDATES: (WRITE,)},
    tables={
        "orders": _SELECT,
        "order_status_history": _SELECT,
        "orders_by_user": _SELECT,
        "orders_by_produk": _SELECT,
        "months_by_user": _SELECT,
        "waiting_updates": _SELECT,
        "rejected_updates": _SELECT,
        "snowflake_nodes": _BOTH,
        "idempotency_keys": _BOTH,
        "api_keys": _SELECT,
    },
)
GATEWAY = Service(
    "gateway",
    "live push: reads changes, and orders for a snapshot",
    topics={CHANGED: (READ,)},
    tables={"orders": _SELECT, "orders_by_user": _SELECT, "months_by_user": _SELECT},
)
WEB = Service(
    "web",
    "both of them on one port",
    topics={**API.topics, **GATEWAY.topics},
    tables={**GATEWAY.tables, **API.tables},
)
TRACK = Service(
    "track",
    "the order-tracking worker",
    # It writes to its inputs, too: what lies in a wrong partition is forwarded.
    topics={ORDERS: (READ, WRITE), UPDATES: (READ, WRITE), CHANGED: (WRITE,), REJECTED: (WRITE,)},
    groups={topics.TRACK_GROUP: (READ,)},
    tables={
        "orders": _BOTH,
        "order_status_history": _BOTH,
        "waiting_updates": _BOTH,
        "rejected_updates": _MODIFY,
        "orders_by_user": _MODIFY,
        "orders_by_produk": _MODIFY,
        "months_by_user": _MODIFY,
    },
)
NOTIFY = Service(
    "notify",
    "the notification worker, with its table's changelog; no Cassandra",
    topics={CHANGED: (READ,), NOTIFICATIONS: (WRITE,), CHANGELOG: (READ, WRITE, CREATE)},
    groups={topics.NOTIFY_GROUP: (READ,)},
)
OPS = Service(
    "ops",
    "an operator's commands: `lacak rejected`, `lacak waiting`, `lacak keys`, `lacak load`",
    topics={ORDERS: (READ, WRITE), UPDATES: (READ, WRITE), REJECTED: (READ, WRITE)},
    groups={topics.TRACK_GROUP: (DESCRIBE,)},
    tables={"orders": _SELECT, "waiting_updates": _BOTH, "api_keys": _BOTH},
)
REBUILD = Service(
    "rebuild",
    "`lacak rebuild`, while it runs: it writes what the order-tracking worker would",
    topics={},
    tables={
        "orders": _BOTH,
        "order_status_history": _SELECT,
        "orders_by_user": _BOTH,
        "orders_by_produk": _BOTH,
        "months_by_user": _BOTH,
    },
)
DEPLOY = Service(
    "deploy",
    "each release: `lacak topics` and `lacak migrate`",
    topics={topic.name: (CREATE, DESCRIBE) for topic in topics.ALL},
    tables={"schema_migrations": _BOTH},
    keyspace=("CREATE", ALTER),
)
SCALER = Service(
    "scaler",
    "sees how far the workers are behind, to make more of them",
    topics={ORDERS: (DESCRIBE,), UPDATES: (DESCRIBE,), CHANGED: (DESCRIBE,)},
    groups={topics.TRACK_GROUP: (DESCRIBE,), topics.NOTIFY_GROUP: (DESCRIBE,)},
)
SHOP = Service("shop", "outside: sends orders by Kafka", topics={ORDERS: (WRITE,)})
COURIER = Service("courier", "outside: sends updates by Kafka", topics={UPDATES: (WRITE,)})
DATA = Service(
    "data",
    "outside: reads what happened, in groups of its own",
    topics={CHANGED: (READ,), NOTIFICATIONS: (READ,)},
    own_groups=True,
)

SERVICES = {
    each.name: each for each in (API, GATEWAY, WEB, TRACK, NOTIFY, OPS, REBUILD, DEPLOY, SCALER, SHOP, COURIER, DATA)
}
