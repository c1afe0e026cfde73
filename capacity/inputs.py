"""What is asked of the system, and how much of a machine it may use: the options of `lacak capacity`."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streams.settings import Settings

Share = Annotated[float, Field(gt=0, le=1)]


def _default(setting: str) -> Any:
    """What a process does when nobody says otherwise: the model sizes that."""
    return Settings.model_fields[setting].default


class Inputs(BaseModel):
    """Rates are an average day's unless the name says peak."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    orders_per_day: float = Field(10e6, gt=0, description="orders placed a day")
    events_per_order: float = Field(8, ge=1, description="an order's placing and its updates")
    peak: float = Field(5, ge=1, description="the busiest second against the average one")
    connections: float = Field(1e6, ge=0, description="live connections, at the peak")
    minutes_per_connection: float = Field(10, gt=0, description="a customer looks for so long")
    pushes_per_change: float = Field(1, ge=0, description="sockets to which a change goes")
    updates_per_post: float = Field(1, ge=1, le=500, description="that couriers' systems send at once")
    reads_per_order: float = Field(2, ge=0, description="GETs of an order, in its life")
    orders_per_snapshot: float = Field(4, ge=0, description="orders that a live connection begins with")
    uncached: float = Field(0.9, ge=0, le=1, description="share of events whose order no worker has in memory")

    zones: int = Field(3, ge=1, le=10, description="one of them may be lost, when there are several")
    replication: int = Field(3, ge=1, le=5, description="replicas, in Kafka and in Cassandra")
    utilisation: Share = Field(0.6, description="of a core or a disk's throughput, at the peak")
    utilisation_in_loss: Share = Field(0.85, description="the same, with a zone lost at the peak")
    min_partitions: int = Field(48, ge=1, description="of every topic, at least; they change only when drained")
    growth: float = Field(4, ge=1, description="the partitions last until the load is so many times this one")

    retention_days: float = Field(_default("retention_days"), gt=0, description="an order's rows are kept")
    topic_days: float = Field(7, gt=0, description="records are kept")
    connections_per_gateway: int = Field(_default("max_connections"), ge=1, description="LACAK_MAX_CONNECTIONS")
    ring_bytes: int = Field(_default("ring_bytes"), ge=1, description="LACAK_RING_BYTES")
    heartbeat: int = Field(_default("heartbeat"), ge=1, description="LACAK_HEARTBEAT")
    cached_orders: int = Field(_default("cached_orders"), ge=1, description="LACAK_CACHED_ORDERS")

    broker_disk_used: Share = Field(0.7, description="share of a broker's disk that may be full")
    cassandra_disk_used: Share = Field(0.5, description="the same of a node's: the rest is for compaction")
    broker_gib_at_most: float = Field(2048, gt=0, description="a broker's disk")
    cassandra_gib_at_most: float = Field(2048, gt=0, description="a Cassandra node's disk")

    @model_validator(mode="after")
    def _a_loss_is_worse(self) -> Self:
        if self.utilisation_in_loss < self.utilisation:
            raise ValueError("--utilisation-in-loss is below --utilisation: what is left would have less to do")
        return self
