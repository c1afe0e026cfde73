"""The soaks, short: a crowd is cut at random, and gateways are killed or restarted, and nobody misses anything."""

from pathlib import Path

import uvloop

from conftest import fresh_settings
from rolling import rolling
from soak import Size, soak
from stack import Servers


def test_a_crowd_that_is_cut_at_random_misses_nothing(servers: Servers, tmp_path: Path) -> None:
    settings = fresh_settings(servers, tmp_path)
    crowd = uvloop.run(soak(settings, Size(clients=200, cuts=20, seconds=12, rate=60)))
    print(crowd.count)
    assert crowd.faults == {"gaps": [], "reversals": [], "lost": []}
    assert crowd.count["resumed"] > 100
    assert crowd.count["change"] > 200


def test_a_rolling_restart_behind_haproxy_goes_unnoticed(servers: Servers, tmp_path: Path) -> None:
    settings = fresh_settings(servers, tmp_path)
    story = uvloop.run(rolling(settings, Size(clients=200, rate=60), drain=4, quiet=1, back=3))
    crowd = story.crowd
    print(crowd.count)
    assert crowd.faults == {"gaps": [], "reversals": [], "lost": []}
    assert crowd.count["by a snapshot"] == 0
    assert crowd.count["drain"] >= 250, "half of them at the first, and all at the second"
    restarts, storm = story.split()
    assert max(restarts) < max(storm)
