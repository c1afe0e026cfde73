"""Share links' tokens: what opens which order, and until when."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.shares import LinkEnded, NoLink, ShareLinks

OLD, NEW = "an old secret of the tests, 32 bytes", "a new secret of the tests, 32 bytes"
NOW = 1_790_000_000
IDS = st.integers(1, 2**63 - 1)


def links(secret: str = NEW, previous: str = "", now: int = NOW) -> ShareLinks:
    return ShareLinks(secret, previous, lambda: now)


@given(IDS)
def test_a_link_opens_its_order_until_it_ends(id_order: int) -> None:
    token = links().token(id_order, NOW + 60)
    assert len(token) == 38
    assert links(now=NOW + 59).order_of(token) == id_order
    with pytest.raises(LinkEnded):
        links(now=NOW + 60).order_of(token)


@given(IDS, st.integers(0, 37), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
def test_no_character_can_be_changed(id_order: int, place: int, character: str) -> None:
    token = links().token(id_order, NOW + 60)
    other = token[:place] + character + token[place + 1 :]
    if other != token:
        with pytest.raises(NoLink):
            links().order_of(other)


@given(st.text(max_size=80))
def test_other_texts_are_no_links(text: str) -> None:
    with pytest.raises(NoLink):
        links().order_of(text)


def test_links_outlive_a_change_of_the_secret_while_the_old_one_is_known() -> None:
    before = links(OLD).token(7, NOW + 60)
    assert links(NEW, OLD).order_of(before) == 7
    with pytest.raises(NoLink):
        links(NEW).order_of(before)
    assert links(NEW).order_of(links(NEW, OLD).token(7, NOW + 60)) == 7


def test_a_token_without_a_signature_is_no_link() -> None:
    signed = (7).to_bytes(8, "big") + (NOW + 60).to_bytes(4, "big")
    with pytest.raises(NoLink):
        links().order_of(base64.urlsafe_b64encode(signed + bytes(16)).decode().rstrip("="))
