"""The model: each number that it tells, once, with its formula and its reason. In order: one uses only those before it,
the inputs, the measured figures, and the prices."""

from capacity.rules import gateways, load, money, network, servers, workers
from capacity.rules.rule import Rule

RULES: dict[str, tuple[Rule, ...]] = {
    "Load": load.RULES,
    "Workers and APIs": workers.RULES,
    "Push gateways": gateways.RULES,
    "Network": network.RULES,
    "Kafka and Cassandra": servers.RULES,
    "A month": money.RULES,
}
"""By the heading under which they are shown."""
