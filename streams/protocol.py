"""What requests of Kafka's protocol that aiokafka does not have are made of (KIP-482's flexible versions)."""

from aiokafka.protocol.types import CompactString, TaggedFields

NAME = CompactString("utf-8")
TAGS = ("tags", TaggedFields)
