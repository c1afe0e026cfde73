"""`lacak serve`: one process of the system, in the foreground."""

import errno
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from cli.edge import Failed, settings
from streams.settings import Settings


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

        _work(track.main, using, "LACAK_TRACK_METRICS_PORT")
    elif process is Process.notify:
        from agents import notify

        _work(notify.main, using, "LACAK_NOTIFY_METRICS_PORT")
    else:
        from api.serve import serve as serve_http

        try:
            serve_http(process.value, using)
        except ValueError as error:
            raise Failed(str(error), 2) from error


def _work(main: Callable[[Settings], None], using: Settings, port: str) -> None:
    """Runs a worker; a second one on this machine that has not got a port and a folder of its own is `Failed`."""
    from agents.faust_app import DirectoryTaken

    try:
        main(using)
    except DirectoryTaken as error:
        raise Failed(str(error), 2) from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Failed(f"the port of /metrics is taken: give each worker on a machine its own {port}", 2) from error
