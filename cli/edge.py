"""What every command does at the edge: read the settings, run, and say in one line what went wrong.

Exit codes: 0 done, 1 part of it was not done or a server is away, 2 the command or the settings are wrong,
130 stopped by Ctrl-C.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from streams.settings import Settings

T = TypeVar("T")
STOPPED = 130  # by Ctrl-C: whoever pressed it knows


class Failed(Exception):
    """Something that a person can put right; shown as one line, without a traceback."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def settings() -> Settings:
    """The settings of this process; a value that is none is one line and exit code 2."""
    from pydantic import ValidationError

    try:
        return Settings()
    except ValidationError as error:
        # What only follows from another value that is wrong would be noise.
        own = [e for e in error.errors() if e["type"] != "default_factory_not_called"]
        wrong = "; ".join(f"LACAK_{str(e['loc'][0]).upper()}: {e['msg']}" if e["loc"] else _own_words(e) for e in own)
        raise Failed(wrong, 2) from error


def _own_words(error: Any) -> str:
    """What a rule over several settings says: it names them itself."""
    return str(error["msg"]).removeprefix("Value error, ")


def now_ms() -> int:
    """This machine's clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def run(work: Coroutine[Any, Any, T], using: Settings) -> T:
    """Runs a command's coroutine. Kafka or Cassandra away is a `Failed`; any other exception is a bug and stays one."""
    from aiokafka.errors import KafkaError

    from streams.kafka import TopicsDiffer
    from tables.orders import StoreRefused, StoreUnavailable

    _silence()
    try:
        return asyncio.run(work)
    except ExceptionGroup as errors:
        # Tasks side by side fail for one reason, such as a server that is away.
        failed, others = errors.split(Failed)
        if failed is None or others is not None:
            raise
        raise Failed(str(_first(failed))) from None
    except TopicsDiffer as error:
        raise Failed(str(error)) from error
    except KafkaError as error:
        raise Failed(kafka_away(using, error)) from error
    except StoreRefused as error:
        raise Failed(str(error)) from error
    except StoreUnavailable as error:
        where = f"{using.cassandra_hosts}:{using.cassandra_port}"
        raise Failed(f"Cassandra at {where} does not serve: {_short(error)}") from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Failed("stopped", STOPPED) from None


def _first(errors: ExceptionGroup[Any]) -> Exception:
    error: Exception = errors
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def patiently(work: Callable[[], Awaitable[T]], seconds: float, away: type[Exception], what: str) -> T:
    """Does it, again and again for so many seconds while its server is away; then raises what it raised."""
    clock, told = asyncio.get_running_loop().time, False
    until = clock() + seconds
    while True:
        try:
            return await work()
        except away:
            if clock() >= until:
                raise
            if not told:
                print(f"waiting for {what} …", file=sys.stderr, flush=True)
                told = True
        await asyncio.sleep(min(1.0, max(0.0, until - clock())))


def _silence() -> None:
    """The libraries log each try to connect; a command says once what it came to."""
    logging.basicConfig(handlers=[logging.NullHandler()])


def kafka_away(using: Settings, error: Exception) -> str:
    """One line about a Kafka error: which server, what it said, what to do."""
    from aiokafka.errors import (
        ClusterAuthorizationFailedError,
        GroupAuthorizationFailedError,
        KafkaConnectionError,
        TopicAuthorizationFailedError,
        UnknownTopicOrPartitionError,
    )

    from streams.kafka_refusal import KafkaRefused

    if isinstance(error, KafkaRefused):
        return str(error.args[0])
    if isinstance(
        error, TopicAuthorizationFailedError | GroupAuthorizationFailedError | ClusterAuthorizationFailedError
    ):
        who = using.kafka_username or "a client without a user name"
        return (
            f"Kafka at {using.kafka_bootstrap} does not let {who} do this ({_short(error)}); see `lacak grants kafka`"
        )
    if isinstance(error, UnknownTopicOrPartitionError):
        return f"Kafka at {using.kafka_bootstrap} has no such topic ({_short(error)}); `lacak topics` makes them"
    if isinstance(error, KafkaConnectionError):
        return f"Kafka at {using.kafka_bootstrap} does not answer; `make up` starts it"
    return f"Kafka at {using.kafka_bootstrap}: {_short(error)}"


def _short(error: Exception) -> str:
    """The first line, and not all of a driver's nested words."""
    text = (str(error).strip().splitlines() or [""])[0] or type(error).__name__
    return text if len(text) <= 120 else text[:120] + "…"
