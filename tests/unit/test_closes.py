"""How a connection ends is written down for those who write clients."""

import re
from pathlib import Path

from api.live import closes

DOCUMENT = (Path(__file__).parents[2] / "docs" / "live-push.md").read_text()


ONLY_WHEN_OPEN = (closes.NO_WEBSOCKET, closes.NOT_UTF8, closes.TOO_BIG, closes.TOO_SLOW)


def test_every_close_code_is_in_the_document_with_its_http_status() -> None:
    rows = re.findall(r"^\| ([0-9, ]+)[^|]*\|([^|]*)\|", DOCUMENT, re.MULTILINE)
    documented = {int(code): text for codes, text in rows for code in re.findall(r"[0-9]{4}", codes)}
    for close in closes.ALL:
        assert close.code in documented, close
        if close not in ONLY_WHEN_OPEN:
            assert str(close.status) in documented[close.code], close


def test_no_code_is_there_twice() -> None:
    assert len({close.code for close in closes.ALL}) == len(closes.ALL)
