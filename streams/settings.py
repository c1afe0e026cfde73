"""Every setting, once. This is the only module that reads the environment.

Variables are named `LACAK_` + the field in capitals; a `.env` file in the working directory is read too.
Settings are read at the edge (`cli/`), and handed in from there.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.login import Login


class Settings(BaseSettings):
    """The configuration of one process. Times are in seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="LACAK_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    # Where the one-machine stack puts its servers, which are the ones to talk to unless others are named below
    local_host: str = Field("127.0.0.1", description="the local stack's Kafka and Cassandra listen here")
    local_kafka_port: int = Field(9092, description="its Kafka's port")
    local_cassandra_port: int = Field(9042, description="its Cassandra's port")

    # Kafka
    kafka_bootstrap: str = Field(
        default_factory=lambda known: f"{known['local_host']}:{known['local_kafka_port']}",
        description="host:port[,host:port...]; by default the local stack's",
    )
    topic_prefix: str = Field("", description="put before every topic and group, for several Lacaks on one Kafka")
    partitions: int = Field(12, ge=1, description="of every keyed topic: they are co-partitioned")
    replication: int = Field(1, ge=1, description="of every topic")
    produce_timeout: float = Field(5.0, gt=0, description="after which the API answers 503")
    kafka_request_timeout: float = Field(15.0, gt=0, description="of one request to a broker")

    kafka_security: Literal["plaintext", "tls", "sasl_plaintext", "sasl_tls"] = Field(
        "plaintext", description="plaintext, tls, sasl_plaintext or sasl_tls: encrypted or not, with a password or not"
    )
    kafka_ca: Path | None = Field(None, description="PEM: who signs the brokers' certificates; else the system's list")
    kafka_certificate: Path | None = Field(None, description="PEM: our own certificate, where brokers ask for one")
    kafka_key: Path | None = Field(None, description="PEM: its key")
    kafka_username: str = Field("", description="of this process: each service has its own")
    kafka_password: SecretStr = Field(SecretStr(""), description="its password")
    kafka_password_file: Path | None = Field(None, description="or the file that holds it, as secrets are mounted")
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN: how the password is shown"
    )

    # Cassandra
    cassandra_hosts: str = Field(
        default_factory=lambda known: str(known["local_host"]),
        description="comma-separated contact points; by default the local stack's",
    )
    cassandra_port: int = Field(
        default_factory=lambda known: (
            known["local_cassandra_port"] if known["cassandra_hosts"] == known["local_host"] else 9042
        ),
        description="of every Cassandra node; by default the local stack's",
    )
    cassandra_keyspace: str = Field("lacak", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="of all tables")
    cassandra_datacenter: str = Field("datacenter1", description="the local one, whose quorum is asked")
    cassandra_replication: int = Field(1, ge=1, description="replication factor in that datacenter")
    cassandra_request_timeout: float = Field(8.0, gt=0, description="of one statement")
    cassandra_tls: bool = Field(False, description="encrypt, and check the nodes' certificates")
    cassandra_ca: Path | None = Field(None, description="PEM: who signs them; else the system's list")
    cassandra_tls_name: str = Field("", description="the name that all of them carry; else each its node's address")
    cassandra_certificate: Path | None = Field(None, description="PEM: our own certificate, where nodes ask for one")
    cassandra_key: Path | None = Field(None, description="PEM: its key")
    cassandra_username: str = Field("", description="the role of this process: each service has its own")
    cassandra_password: SecretStr = Field(SecretStr(""), description="its password")
    cassandra_password_file: Path | None = Field(None, description="or the file that holds it")
    retention_days: int = Field(90, ge=1, description="an order's rows live so long after placed_at")

    # Workers
    batch_records: int = Field(100, ge=1, description="records of one partition judged at a time")
    cached_orders: int = Field(50_000, ge=1, description="orders a worker keeps in memory")
    writes_in_flight: int = Field(128, ge=1, description="Cassandra statements a worker has open")
    data_dir: Path = Field(Path(".lacak/data/faust"), description="RocksDB of the notification worker")
    track_metrics_port: int = Field(8101, description="where the order-tracking worker serves /metrics")
    notify_metrics_port: int = Field(8102, description="where the notification worker does")
    metrics_host: str = Field("127.0.0.1", description="the address of both")
    session_timeout: float = Field(6.0, gt=0, description="after which a silent worker's partitions move")

    # HTTP
    http_host: str = Field("127.0.0.1", description="where API and gateway listen")
    http_port: int = Field(8000, description="where API and gateway listen")
    jwt_secret: str = Field(
        "", repr=False, description="signs tickets, share links and, without jwt_keys, bearer tokens (HS256)"
    )
    jwt_previous_secret: str = Field(
        "", repr=False, description="what jwt_secret was: its tokens are still taken while it is changed"
    )
    jwt_keys: str = Field(
        "",
        description="the issuer's JWK set, an https URL or a file: then only its tokens are taken, and none of HS256",
    )
    jwt_issuer: str = Field("", description="the `iss` a token of jwt_keys must have")
    jwt_keys_seconds: float = Field(300, gt=0, description="the key set is read so often, and when a key is unknown")
    jwt_audience: str = Field("lacak", description="the `aud` a token must have")
    jwt_leeway: int = Field(5, description="how far clocks may differ")
    allowed_origins: str = Field("", description="comma-separated; the server's own origin is always allowed")
    carriers_dir: str = Field(
        "", description="mappings of couriers' codes of your own; each before a shipped one of its name"
    )
    secure_cookies: bool = Field(False, description="mark lacak_live Secure: set it wherever there is TLS")

    requests_per_customer: float = Field(
        10,
        ge=0,
        description="a second, of one customer, 10 seconds' worth at once; one more is answered 429 (0: no bound)",
    )
    requests_per_system: float = Field(
        1000,
        ge=0,
        description="the same of one courier's or shop's system; ten updates of a batch count as one request",
    )
    requests_per_address: float = Field(
        0, ge=0, description="the same of one address, before its token is looked at; see trusted_proxies"
    )
    intake_records: int = Field(
        5000, ge=1, description="that an API has sent and Kafka has not confirmed; one more is answered 503 at once"
    )

    # Live push
    heartbeat: int = Field(25, ge=1, description="the heartbeat_seconds of hello")
    max_connections: int = Field(15_000, ge=1, description="of one gateway; one more is told to try later (1013, 503)")
    max_memory_mb: int = Field(
        0,
        ge=0,
        description="of one gateway; beyond it new clients are told to try later; 0: 90 % of its container's",
    )
    connects_per_address: float = Field(
        0, ge=0, description="new ones a second, 10 seconds' worth at once; one more is told to try later (0: no bound)"
    )
    trusted_proxies: str = Field("", description="comma-separated networks, whose X-Forwarded-For tells the address")
    connections_per_user: int = Field(10, ge=1, description="one more is closed with 4009")
    orders_per_connection: int = Field(200, ge=1, description="`id_order` a connection may name")
    ring_seconds: float = Field(600, gt=0, description="how long a change can be resumed")
    ring_bytes: int = Field(128 * 1024 * 1024, description="the ring's other bound")
    client_buffer: int = Field(64 * 1024, description="bytes a client may lag behind before it is cut with 4008")
    drain_seconds: float = Field(30, ge=0, description="a gateway takes so long to say goodbye")

    # Traces
    traces_url: str = Field(
        "", description="where spans are sent (OTLP over HTTP), such as http://collector:4318/v1/traces; else nowhere"
    )
    traces_ratio: float = Field(
        0.01, ge=0, le=1, description="of the requests, which are traced: all that follows from one is, or nothing"
    )
    traces_per_second: int = Field(
        500, ge=1, description="spans that one process sends at most; more are dropped, and counted"
    )

    # The one-machine stack
    local_stack: bool = Field(False, description="set by deploy/local: opens /local/users and /local/token")
    local_dir: Path = Field(Path(".lacak"), description="its logs and data")

    log_json: bool = Field(False, description="one JSON object a line instead of text")
    log_level: str = Field("info", description="debug, info, warning or error")

    @property
    def kafka_login(self) -> Login:
        """How this process shows itself to Kafka."""
        return Login(
            server="KAFKA",
            tls=self.kafka_security in ("tls", "sasl_tls"),
            how=f"LACAK_KAFKA_SECURITY={self.kafka_security}",
            ca=self.kafka_ca,
            certificate=self.kafka_certificate,
            key=self.kafka_key,
            username=self.kafka_username,
            password=self.kafka_password,
            password_file=self.kafka_password_file,
        )

    @property
    def cassandra_login(self) -> Login:
        """How this process shows itself to Cassandra."""
        return Login(
            server="CASSANDRA",
            tls=self.cassandra_tls,
            how="LACAK_CASSANDRA_TLS=false",
            ca=self.cassandra_ca,
            certificate=self.cassandra_certificate,
            key=self.cassandra_key,
            username=self.cassandra_username,
            password=self.cassandra_password,
            password_file=self.cassandra_password_file,
            tls_name=self.cassandra_tls_name,
        )

    @model_validator(mode="after")
    def _logins_are_whole(self) -> Self:
        """What is missing is told before anything starts, and not by a server that refuses us later."""
        sasl = self.kafka_security.startswith("sasl_")
        if sasl and not self.kafka_username:
            raise ValueError(f"LACAK_KAFKA_SECURITY={self.kafka_security} needs a LACAK_KAFKA_USERNAME and a password")
        if self.kafka_username and not sasl:
            raise ValueError(f"LACAK_KAFKA_USERNAME is set, and LACAK_KAFKA_SECURITY={self.kafka_security} shows none")
        if sasl and self.kafka_mechanism == "PLAIN" and self.kafka_security != "sasl_tls":
            raise ValueError("LACAK_KAFKA_MECHANISM=PLAIN shows the password to all: only with sasl_tls")
        if problem := self.kafka_login.problem() or self.cassandra_login.problem():
            raise ValueError(problem)
        return self

    def topic(self, name: str) -> str:
        """The topic or group `name` as it is called on this Kafka."""
        return self.topic_prefix + name
