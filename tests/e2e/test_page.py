"""The live page in a real browser: what a customer sees, over both transports, and through a network that breaks."""

import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from api.auth import issue_token
from cuttable import Proxy
from lacak import Lacak, ready
from processes import until

CHANGES = 100
SHORT_LIVED = 4
"""Seconds of a token that shall expire; the leeway for clocks comes on top."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    page.close()
    assert not problems


@pytest.fixture
def proxy(lacak: Lacak) -> Iterator[Proxy]:
    with Proxy(lacak.settings.http_host, lacak.settings.http_port) as proxy:
        yield proxy


@pytest.fixture
def no_websockets(lacak: Lacak) -> Iterator[Proxy]:
    with Proxy(lacak.settings.http_host, lacak.settings.http_port, websockets="refused") as proxy:
        yield proxy


def see_live(page: Page, url: str, user: int, transport: str) -> None:
    """Opens the page and waits until it says that it is live on this transport."""
    page.goto(f"{url}/?user={user}")
    expect(page.locator(f'#transport[data-transport="{transport}"][data-state="live"]')).to_be_visible(timeout=30_000)


def card(page: Page, id_order: str, status: str) -> None:
    """Waits until the order's card shows the status."""
    expect(page.locator(f'[data-order="{id_order}"][data-status="{status}"]')).to_be_visible(timeout=30_000)


def changes(page: Page) -> list[int]:
    """The versions that the page was told of since it began to watch, as they came."""
    return [change["version"] for change in page.evaluate("lacakPage.changes")]


def placed(lacak: Lacak, user: int) -> str:
    """An order that the pipeline has taken in."""
    id_order = lacak.place(user)
    until(lambda: lacak.order(id_order), what="the order is there")
    return id_order


def test_a_status_change_arrives_in_the_page_over_websocket(lacak: Lacak, page: Page) -> None:
    id_order = placed(lacak, 101)
    see_live(page, lacak.url, 101, "websocket")
    card(page, id_order, "placed")
    lacak.update(id_order, "picked_up")
    card(page, id_order, "picked_up")
    another = lacak.place(101)
    card(page, another, "placed")


def test_an_order_whose_end_was_none_is_on_its_way_again_and_the_page_says_why(lacak: Lacak, page: Page) -> None:
    id_order = placed(lacak, 114)
    see_live(page, lacak.url, 114, "websocket")
    lacak.update(id_order, "delivered")
    card(page, id_order, "delivered")
    lacak.correct(id_order, "out_for_delivery", 2, "Salah pindai")
    card(page, id_order, "out_for_delivery")
    mended = page.locator(f'#open [data-order="{id_order}"]')
    expect(mended.locator(".note")).to_have_text(re.compile("^(Dikoreksi|Corrected): Salah pindai$"))
    expect(mended.locator(".facts")).to_contain_text("JNE")
    lacak.update(id_order, "delivered", event_id="now it is")
    card(page, id_order, "delivered")


@pytest.mark.parametrize(("user", "how"), [(102, "refused"), (113, "swallowed")])
def test_it_arrives_over_sse_where_websockets_are_blocked(lacak: Lacak, page: Page, user: int, how: str) -> None:
    id_order = placed(lacak, user)
    with Proxy(lacak.settings.http_host, lacak.settings.http_port, websockets=how) as network:
        see_live(page, network.url, user, "sse")
        print(f"{how}: live over SSE {page.evaluate('performance.now()'):.0f} ms after the page was asked for")
        lacak.update(id_order, "out_for_delivery", note="di jalan")
        card(page, id_order, "out_for_delivery")


@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_a_connection_cut_in_the_middle_of_a_hundred_changes_misses_none_and_shows_none_twice(
    lacak: Lacak, page: Page, proxy: Proxy, no_websockets: Proxy, transport: str
) -> None:
    user, network = (103, proxy) if transport == "websocket" else (104, no_websockets)
    id_order = placed(lacak, user)
    see_live(page, network.url, user, transport)
    card(page, id_order, "placed")

    def send() -> None:
        for number in range(CHANGES):
            lacak.update(id_order, "in_transit", event_id=f"scan-{number}")

    with ThreadPoolExecutor(1) as courier:
        sending = courier.submit(send)
        for seen in (20, 55):
            until(lambda seen=seen: len(changes(page)) >= seen)  # type: ignore[misc]
            assert not sending.done(), "all was sent before the cut"
            network.cut()
        sending.result()
    until(lambda: len(changes(page)) >= CHANGES)
    time.sleep(1)  # for what would come twice
    assert changes(page) == list(range(2, CHANGES + 2))
    assert network.cuts == 2


def test_the_page_says_that_it_is_reconnecting_and_recovers(lacak: Lacak, page: Page, proxy: Proxy) -> None:
    id_order = placed(lacak, 105)
    see_live(page, proxy.url, 105, "websocket")
    page.context.set_offline(True)
    proxy.cut()
    expect(page.locator('#transport[data-state="live"]')).to_have_count(0, timeout=30_000)
    lacak.update(id_order, "delivered")
    page.context.set_offline(False)
    card(page, id_order, "delivered")


@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_a_restart_of_the_server_costs_the_page_nothing(
    lacak: Lacak, page: Page, no_websockets: Proxy, transport: str
) -> None:
    user, url = (107, lacak.url) if transport == "websocket" else (108, no_websockets.url)
    id_order = placed(lacak, user)
    see_live(page, url, user, transport)
    card(page, id_order, "placed")
    lacak.update(id_order, "picked_up")
    card(page, id_order, "picked_up")
    assert lacak.web.stop() in (0, -signal.SIGTERM)
    lacak.web.start()
    until(lambda: ready(lacak.url), what="/readyz")
    lacak.update(id_order, "delivered")
    card(page, id_order, "delivered")
    assert changes(page) == [2, 3], "and nothing came twice"


@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_a_token_that_expires_costs_the_page_nothing(
    lacak: Lacak, page: Page, proxy: Proxy, no_websockets: Proxy, transport: str
) -> None:
    """The connection ends with it (4001); the page gets another one by itself, and goes on where it was."""
    user, network = (109, proxy) if transport == "websocket" else (110, no_websockets)
    issued: list[str] = []

    def answer(route: Route) -> None:
        now = int(time.time())
        options = {"audience": lacak.settings.jwt_audience, "sub": str(user), "scopes": ["orders:read"]}
        token = issue_token(lacak.settings.jwt_secret, ttl=SHORT_LIVED, now=now, **options)  # type: ignore[arg-type]
        issued.append(token)
        route.fulfill(json={"token": token, "expires_in": SHORT_LIVED})

    page.route("**/local/token", answer)
    id_order = placed(lacak, user)
    see_live(page, network.url, user, transport)
    card(page, id_order, "placed")
    shown = 1
    end = time.monotonic() + 120
    while len(issued) < 3:
        assert time.monotonic() < end, f"{len(issued)} tokens were asked for"
        lacak.update(id_order, "in_transit", event_id=f"scan-{shown}")
        shown += 1
        page.wait_for_timeout(200)  # and not a sleep, in which nothing would be answered
    until(lambda: len(changes(page)) >= shown - 1)
    time.sleep(1)  # for what would come twice
    assert changes(page) == list(range(2, shown + 1))


@pytest.mark.parametrize("cut", [False, True], ids=["the network stays", "the network goes meanwhile"])
def test_a_tab_that_was_asleep_shows_what_it_missed(lacak: Lacak, page: Page, proxy: Proxy, cut: bool) -> None:
    user = 112 if cut else 111
    id_order = placed(lacak, user)
    see_live(page, proxy.url, user, "websocket")
    card(page, id_order, "placed")
    chromium = page.context.new_cdp_session(page)
    chromium.send("Page.setWebLifecycleState", {"state": "frozen"})
    for number in range(30):
        lacak.update(id_order, "in_transit", event_id=f"scan-{number}")
    if cut:
        proxy.cut()
    lacak.update(id_order, "out_for_delivery")
    until(lambda: (lacak.order(id_order) or {}).get("status") == "out_for_delivery")
    chromium.send("Page.setWebLifecycleState", {"state": "active"})
    card(page, id_order, "out_for_delivery")
    time.sleep(1)  # for what would come twice
    assert changes(page) == list(range(2, 33))


def test_the_page_fits_a_phone_and_speaks_both_languages(lacak: Lacak, browser: Browser) -> None:
    id_order = placed(lacak, 106)
    phone = browser.new_page(viewport={"width": 375, "height": 720})
    see_live(phone, lacak.url, 106, "websocket")
    card(phone, id_order, "placed")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    phone.locator('[data-language="en"]').click()
    expect(phone.locator("html")).to_have_attribute("lang", "en")
    phone.close()
