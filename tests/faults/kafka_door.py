"""The load's way through Kafka: a courier's own idempotent producer, which rides out outages."""

from collections import Counter
from functools import partial

from confluent_kafka import KafkaError, Message, Producer

from faults.history import Writer
from faults.script import Input, sent_line
from streams.settings import Settings

MOST_IN_FLIGHT = 40_000
MESSAGE_TIMEOUT_MS = 15 * 60 * 1000  # longer than any outage: a record is given up by the end of the run, not by time


class KafkaDoor:
    """Sends records and writes down their delivery reports. Call `poll` often: the reports come in it."""

    def __init__(self, settings: Settings, history: Writer, counts: Counter[str]) -> None:
        self._settings, self._history, self._counts = settings, history, counts
        self._producer = self._open()
        self._fatal: KafkaError | None = None
        self.in_flight = 0

    @property
    def has_room(self) -> bool:
        return self.in_flight < MOST_IN_FLIGHT

    def _open(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._settings.kafka_bootstrap,
                "client.id": "couriers",
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "message.timeout.ms": MESSAGE_TIMEOUT_MS,
                "request.timeout.ms": 15_000,
                "socket.keepalive.enable": True,
                "reconnect.backoff.max.ms": 1000,
                "linger.ms": 100,  # as a system that sends much would: a third of the requests
                "queue.buffering.max.messages": 2 * MOST_IN_FLIGHT,
                "log_level": 3,
            },
            error_cb=self._failed,
        )

    def send(self, given: Input) -> None:
        """Writes it down and hands it over; what comes of it is written down as it is reported."""
        self._history.write("sent", **sent_line(given))
        self.in_flight += 1
        where = {} if given.partition is None else {"partition": given.partition}
        self._producer.produce(
            self._settings.topic(given.topic),
            given.value,
            given.key,
            headers=given.headers or None,
            on_delivery=partial(self._reported, given.id),
            **where,
        )

    def poll(self) -> None:
        """Hears the reports that are there. A producer that can never send again is replaced by another."""
        self._producer.poll(0)
        if self._fatal is not None:
            self._counts[f"fatal {self._fatal.name()}"] += 1
            self._fatal = None
            self.purge()
            self._producer = self._open()

    def purge(self) -> None:
        """Gives up what is under way; it is written down so."""
        self._producer.purge()
        self._producer.flush(5)

    def _reported(self, id_: str, error: KafkaError | None, record: Message) -> None:
        self.in_flight -= 1
        if error is None:
            self._counts["acked"] += 1
            self._history.write("acked", id=id_, partition=record.partition(), offset=record.offset())
        else:
            self._counts["gave_up"] += 1
            self._history.write("gave_up", id=id_, error=str(error))

    def _failed(self, error: KafkaError) -> None:
        """Brokers that are away are what this is about; only a fatal error ends a producer."""
        if error.fatal():
            self._fatal = error
        else:
            self._counts[f"kafka {error.name()}"] += 1
