"""The `lacak` command: `main()` is the console script.

Each command imports what it needs when it runs, so that `lacak token` need not wait for the drivers of Kafka and
Cassandra to load.
"""

import sys

import typer

from cli import (
    capacity,
    carriers,
    grants,
    healthy,
    keys,
    load,
    migrate,
    rebuild,
    rejected,
    serve,
    simulate,
    token,
    topics,
    waiting,
    watch,
)
from cli.edge import STOPPED, Failed

app = typer.Typer(
    name="lacak",
    help="Live order tracking: a courier's update on the customer's screen a moment later, and nothing lost.",
    epilog="Settings are LACAK_… variables or lines of a .env file. `make up` starts the local servers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command(rich_help_panel="Look and try")(token.token)
app.command(rich_help_panel="Look and try")(simulate.simulate)
app.command(rich_help_panel="Look and try")(watch.watch)
app.command(rich_help_panel="Look and try", no_args_is_help=True)(load.load)
app.add_typer(rejected.app, name="rejected", rich_help_panel="Operate")
app.add_typer(waiting.app, name="waiting", rich_help_panel="Operate")
app.add_typer(keys.app, name="keys", rich_help_panel="Operate")
app.add_typer(carriers.app, name="carriers", rich_help_panel="Operate")
app.command(rich_help_panel="Operate", no_args_is_help=True)(rebuild.rebuild)
app.command(rich_help_panel="Operate")(migrate.migrate)
app.command(rich_help_panel="Operate")(topics.topics)
app.add_typer(grants.app, name="grants", rich_help_panel="Operate")
app.command(rich_help_panel="Operate")(capacity.capacity)
app.command(rich_help_panel="Operate", no_args_is_help=True)(serve.serve)
app.command(rich_help_panel="Operate", no_args_is_help=True)(healthy.healthy)


def main() -> None:
    """Runs the command line. What a person can put right is one line on stderr."""
    try:
        app()
    except Failed as error:
        if error.code != STOPPED:
            print(f"lacak: {error}", file=sys.stderr)
        sys.exit(error.code)


if __name__ == "__main__":
    main()
