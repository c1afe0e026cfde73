"""Why a broker does not let us in, in one line that says what to do.

aiokafka logs the reason and then raises the same error as for a broker that is away. Here the reason is raised:
`KafkaRefused`, which is a KafkaConnectionError, so that whoever waits for Kafka goes on waiting: a password may be
new on one side only, for a while.
"""

import ssl
from contextvars import ContextVar
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

CREDENTIALS = "see LACAK_KAFKA_USERNAME and its password; `lacak grants kafka --passwords` sets them at Kafka"
_CA = "LACAK_KAFKA_CA must name who signed its certificate, and LACAK_KAFKA_BOOTSTRAP call it as the certificate does"
_NO_TLS = "it is going down, or does not speak TLS; is LACAK_KAFKA_SECURITY right?"
_HUNG_UP = "it hangs up; it is going down, or wants TLS or a user name: LACAK_KAFKA_SECURITY says which we have"


class KafkaRefused(KafkaConnectionError):
    """A broker is there, and will not talk to us. The text says where, why and what to do."""


_failures: ContextVar[list[str] | None] = ContextVar("failures", default=None)


async def _connect(connection: Any) -> Any:
    failures = _failures.get()
    try:
        connected = await _aiokafkas_connect(connection)
    except Exception as error:
        _note(failures, connection, _why(connection, error))
        raise
    if connection._sasl_plain_username is None:
        # What comes next is a question, and a broker that wants a user name does not answer.
        _note(failures, connection, _HUNG_UP)
    return connected


def _note(failures: list[str] | None, connection: Any, why: str | None) -> None:
    """Keeps the first. Tasks that the client begins meanwhile have the list for life."""
    if why and failures is not None and not failures:
        failures.append(f"Kafka at {connection.host}:{connection.port} refuses us: {why}")


async def _bootstrap(client: Any) -> None:
    failures: list[str] = []
    token = _failures.set(failures)
    try:
        await _aiokafkas_bootstrap(client)
    except KafkaConnectionError as error:
        if failures:
            raise KafkaRefused(failures[0]) from error
        raise
    finally:
        _failures.reset(token)


_aiokafkas_connect, _aiokafkas_bootstrap = AIOKafkaConnection.connect, AIOKafkaClient.bootstrap


def install() -> None:
    """Makes aiokafka's clients in this process tell."""
    AIOKafkaConnection.connect, AIOKafkaClient.bootstrap = _connect, _bootstrap


def _why(connection: Any, error: Exception) -> str | None:
    """What an error of a connection's first words means; None when the broker is only away."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"{error.verify_message}; {_CA}"
        case SaslAuthenticationFailed():
            return f"the user {connection._sasl_plain_username} or its password is wrong; {CREDENTIALS}"
        case UnsupportedSaslMechanismError() | IllegalSaslStateError():
            return f"it does not take {connection._sasl_mechanism} here; see LACAK_KAFKA_SECURITY and _MECHANISM"
        case ssl.SSLError():
            return f"{error.reason or error}; {_NO_TLS}"
        case ConnectionResetError() if connection._ssl_context is not None:  # after a TLS greeting
            return _NO_TLS
        case KafkaConnectionError() if connection._sasl_plain_username is None:
            return _HUNG_UP
    return None
