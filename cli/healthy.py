"""`lacak healthy`: what a container asks, where there is no curl and no shell."""

import http.client
from typing import Annotated

import typer

from cli.edge import Failed, settings
from cli.serve import Process
from streams.settings import Settings

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to listen on; to ask, this machine


def healthy(
    process: Annotated[Process, typer.Argument(help="As in `lacak serve`; with the same settings.")],
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for its answer.")] = 3,
) -> None:
    """Ask a process on this machine whether it serves: exit code 0, or 1 and why it does not.

    `/readyz` of an API or a gateway. `/healthz` of a worker: while Kafka or Cassandra is away it waits, and is healthy.
    """
    host, port, path = _asked(process, settings())
    connection = http.client.HTTPConnection(EVERYWHERE.get(host, host), port, timeout=wait)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        detail = answer.read(1000)
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{process.value} does not answer at {host}:{port}{path}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise Failed(f"{process.value} is not ready: {detail.decode(errors='replace') or answer.status}")


def _asked(process: Process, using: Settings) -> tuple[str, int, str]:
    """Address, port and path of what tells about it."""
    if process is Process.track:
        return using.metrics_host, using.track_metrics_port, "/healthz"
    if process is Process.notify:
        return using.metrics_host, using.notify_metrics_port, "/healthz"
    return using.http_host, using.http_port, "/readyz"
