"""`lacak serve`: one process of the system, in the foreground."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.edge import Failed, settings


class Process(StrEnum):
    """What there is to run."""

    track = "track"
    notify = "notify"
    api = "api"
    gateway = "gateway"
    web = "web"


def serve(
    process: Annotated[
        Process,
        typer.Argument(
            help="track: the order-tracking worker. notify: the notification worker. api: the ingest and query API. "
            "gateway: live push. web: the last two on one port."
        ),
    ],
) -> None:
    """Run one process of the system until SIGTERM or Ctrl-C."""
    from streams.log import set_up

    using = settings()
    set_up(using.log_level, using.log_json)
    if process is Process.track:
        from agents import track

        track.main(using)
    elif process is Process.notify:
        from agents import notify

        notify.main(using)
    else:
        from api.serve import serve as serve_http

        try:
            serve_http(process.value, using)
        except ValueError as error:
            raise Failed(str(error), 2) from error
