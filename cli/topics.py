"""`lacak topics`: the topics at Kafka."""

from typing import Annotated

import typer

from cli.edge import patiently, run, settings


def topics(wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for Kafka to answer.")] = 0) -> None:
    """Make the topics that are missing, and check the others. Done again, it does nothing."""
    from aiokafka.errors import KafkaError

    from streams import topics as declared
    from streams.kafka import ensure_topics

    using = settings()
    where = f"Kafka at {using.kafka_bootstrap}"
    made = run(patiently(lambda: ensure_topics(using), wait, KafkaError, where), using)
    for name in made:
        print(f"made {name}")
    if not made:
        print(f"all {len(declared.ALL)} topics are there, with {using.partitions} partitions each")
