"""The two ways in, as an option of `load` and `simulate`."""

from enum import StrEnum
from typing import TYPE_CHECKING

from cli.token import sign
from streams.settings import Settings

if TYPE_CHECKING:
    from cli.publish import Sink

SCOPES = ["orders:write", "status:write"]
TOKEN_SECONDS = 3600


class Via(StrEnum):
    """How orders and updates get in."""

    rest = "rest"
    kafka = "kafka"


def sink_for(using: Settings, via: Via, process: str, url: str | None, patience: float | None = 60.0) -> "Sink":
    """Kafka, or the API at `url` (default: the settings') with a token for each request; `Failed` without a secret."""
    from cli.publish import KafkaSink
    from cli.publish_rest import RestSink

    if via is Via.kafka:
        return KafkaSink(using, process)
    sign(using, SCOPES, TOKEN_SECONDS)  # says at once when there is no secret
    # Signing costs microseconds, and a new token never runs out.
    return RestSink(url or api_url(using), lambda: sign(using, SCOPES, TOKEN_SECONDS), patience)


def api_url(using: Settings) -> str:
    """Where the API of these settings is, as seen from this machine."""
    host = "127.0.0.1" if using.http_host in ("0.0.0.0", "::", "") else using.http_host  # noqa: S104 - nothing is bound
    return f"http://{host}:{using.http_port}"
