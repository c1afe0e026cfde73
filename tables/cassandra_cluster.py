"""The driver's cluster object, with the settings that a lost or frozen node needs, and what its errors mean to us."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cassandra import (
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    RequestExecutionException,
    Unauthorized,
    UnresolvableContactPoints,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.connection import ConnectionBusy, ConnectionException
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    RetryPolicy,
    TokenAwarePolicy,
)
from cassandra.pool import NoConnectionsAvailable
from cassandra.protocol import RequestExecutionException as ErrorOfServer
from cassandra.protocol import ServerError
from cassandra.query import tuple_factory

from streams.login import Login
from streams.settings import Settings
from tables.cassandra_refusal import why_refused
from tables.orders import StoreRefused, StoreUnavailable

LEASE_PROFILE = "lease"
_HEARTBEAT = 2  # s between them, and for an answer: a frozen node is noticed in 4 s
_TRIES = 3

UNAVAILABLE = (
    NoHostAvailable,
    OperationTimedOut,
    RequestExecutionException,
    UnresolvableContactPoints,
    ConnectionException,
    ConnectionBusy,
    NoConnectionsAvailable,
    ErrorOfServer,  # those that the driver has no exception for: overloaded, bootstrapping, truncation
    ServerError,
)


_NO_TABLE = re.compile(r"(table|keyspace) \S+ does not exist", re.IGNORECASE)  # the server's words


class NextHost(RetryPolicy):
    """Tries an idempotent statement on the next host, whatever went wrong on this one."""

    def on_read_timeout(self, *args: Any, retry_num: int, **kwargs: Any) -> tuple[int, None]:
        return _next_host(retry_num)

    def on_write_timeout(self, *args: Any, retry_num: int, **kwargs: Any) -> tuple[int, None]:
        return _next_host(retry_num)

    def on_unavailable(self, *args: Any, retry_num: int, **kwargs: Any) -> tuple[int, None]:
        return _next_host(retry_num)

    def on_request_error(self, *args: Any, retry_num: int, **kwargs: Any) -> tuple[int, None]:
        return _next_host(retry_num)


def _next_host(retry_num: int) -> tuple[int, None]:
    return (RetryPolicy.RETRY_NEXT_HOST if retry_num + 1 < _TRIES else RetryPolicy.RETHROW), None


def store_error(error: BaseException) -> BaseException:
    """StoreUnavailable for what a driver raises when Cassandra is away, StoreRefused when it does not want us; the
    error itself where we are wrong."""
    if refusal := why_refused(error):
        refused = StoreRefused(refusal)
        refused.__cause__ = error
        return refused
    if isinstance(error, UNAVAILABLE) or _is_without_table(error):
        unavailable = StoreUnavailable(f"{type(error).__name__}: {error}")
        unavailable.__cause__ = error
        return unavailable
    return error


def _is_without_table(error: BaseException) -> bool:
    """Somebody dropped it: until it is back (docs/operations/restore.md), nothing is wrong with what we ask."""
    return isinstance(error, InvalidRequest) and _NO_TABLE.search(str(error)) is not None


@contextmanager
def translated() -> Iterator[None]:
    """Raises what the driver raises in the block as `store_error` has it."""
    try:
        yield
    except (*UNAVAILABLE, Unauthorized) as error:
        raise store_error(error) from error


def _identity(login: Login) -> dict[str, Any]:
    """Who we are, and whom we trust."""
    try:
        return {
            "auth_provider": PlainTextAuthProvider(login.username, login.secret()) if login.username else None,
            "ssl_context": login.context(),
            "ssl_options": {"server_hostname": login.tls_name} if login.tls_name else None,
        }
    except OSError as error:
        raise StoreRefused(f"what we show to Cassandra cannot be read: {error}") from error


def build_cluster(settings: Settings) -> Cluster:
    """The driver's cluster object, not connected yet. An answer takes `cassandra_request_timeout` at most.

    Raises StoreRefused when a file of ours is gone."""
    balancing = TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc=settings.cassandra_datacenter))
    common = {
        "load_balancing_policy": balancing,
        "consistency_level": ConsistencyLevel.LOCAL_QUORUM,
        "serial_consistency_level": ConsistencyLevel.LOCAL_SERIAL,
        "request_timeout": settings.cassandra_request_timeout,
        "row_factory": tuple_factory,
    }
    default = ExecutionProfile(retry_policy=NextHost(), **common)
    # A compare-and-set that timed out may have taken place: it is never sent twice.
    lease = ExecutionProfile(retry_policy=FallthroughRetryPolicy(), **common)
    return Cluster(
        contact_points=[host.strip() for host in settings.cassandra_hosts.split(",")],
        **_identity(settings.cassandra_login),
        port=settings.cassandra_port,
        execution_profiles={EXEC_PROFILE_DEFAULT: default, LEASE_PROFILE: lease},
        protocol_version=4,  # 5 adds checksums, which the driver works out in Python
        compression=False,
        connect_timeout=2,
        control_connection_timeout=2,
        idle_heartbeat_interval=_HEARTBEAT,
        idle_heartbeat_timeout=_HEARTBEAT,
        reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
    )
