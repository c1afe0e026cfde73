"""The soak, short: a crowd is cut at random while its gateways are killed and restarted, and nobody misses anything."""

from pathlib import Path

import uvloop

from conftest import fresh_settings
from soak import Size, soak
from stack import Servers


def test_a_crowd_that_is_cut_at_random_misses_nothing(servers: Servers, tmp_path: Path) -> None:
    settings = fresh_settings(servers, tmp_path)
    crowd = uvloop.run(soak(settings, Size(clients=200, cuts=20, seconds=12, rate=60)))
    print(crowd.count)
    assert crowd.faults == {"gaps": [], "reversals": [], "lost": []}
    assert crowd.count["resumed"] > 100
    assert crowd.count["change"] > 200
