"""A cursor says where a client stands, and nothing else is one."""

from hypothesis import example, given
from hypothesis import strategies as st

from api.live import cursor
from streams.order import Position

positions = st.builds(
    Position,
    st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True),
    st.integers(0, 9_999),
    st.integers(-1, 2**59),
)


@given(positions)
def test_it_says_what_it_was_made_of(position: Position) -> None:
    token = cursor.encode(position)
    assert cursor.decode(token) == position
    assert token.isascii() and not set(token) & set("+/=&?\n "), "it goes into URLs and headers as it is"


@given(st.text(max_size=300))
@example("")
@example("A" * 300)
@example("é")
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    position = cursor.decode(text)
    assert position is None or cursor.encode(position) == text


@given(positions, st.integers(0, 200), st.characters())
def test_one_letter_changed_is_another_cursor_or_none(position: Position, at: int, letter: str) -> None:
    token = cursor.encode(position)
    at %= len(token)
    changed = token[:at] + letter + token[at + 1 :]
    if changed != token:
        assert cursor.decode(changed) != position


def test_other_spellings_of_a_cursor_are_none() -> None:
    token = cursor.encode(Position("A" * 22, 3, 17))
    for spelling in (token + "=", token + "\n", " " + token, token + "!", token[:5] + "=" + token[5:]):
        assert cursor.decode(spelling) is None
