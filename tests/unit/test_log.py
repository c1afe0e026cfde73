"""What a stranger sends is shown in a log, and does nothing to the terminal that shows it."""

import logging
from collections.abc import Callable, Iterator

import pytest

from streams import log

Logged = Callable[..., str]


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Logged]:
    """Writes a line as text, and gives what came out."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def write(event: str, **fields: str) -> str:
        log.set_up("info", json=False)  # here: pytest puts its own handlers in before each phase of a test
        log.get("test").warning(event, **fields)
        return capsys.readouterr().err

    yield write
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize("code", ["\x1b[2Jgone", "\x9b31m", "a\u202eb", "a\nb", "a\u2028b"])
def test_what_steers_a_terminal_is_escaped(code: str, logged: Logged) -> None:
    line = logged("unknown_code", code=code)
    assert line.count("\n") == 1
    assert line.removesuffix("\n").isprintable()
    assert repr(code)[1:-1] in line


def test_what_people_write_stays_as_it_is(logged: Logged) -> None:
    assert 'code="Kurir José – 配送"' in logged("unknown_code", code="Kurir José – 配送").replace("'", '"')


def test_a_librarys_line_break_at_the_end_is_none(logged: Logged) -> None:
    assert "Exception in ASGI application " in logged("Exception in ASGI application\n")
