"""Another page is shown when its link is pressed, whatever else the browser asks for in that moment.

What a browser sends is sent here by Streamlit's own messages, so that both requests arrive together every time.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

SECONDS = 60


@pytest.fixture
def tab(app_url: str) -> Iterator[ClientConnection]:
    """A browser's end of a new session."""
    address = f"ws://{urlsplit(app_url).netloc}/_stcore/stream"
    with connect(
        address, subprotocols=["streamlit"], additional_headers={"Origin": app_url}, max_size=None
    ) as tab:
        yield tab


def ask(tab: ClientConnection, page_hash: str = "", page_name: str = "", fragment: str = "") -> None:
    message = BackMsg()
    wanted = message.rerun_script
    wanted.page_script_hash, wanted.page_name, wanted.fragment_id = page_hash, page_name, fragment
    wanted.is_auto_rerun = bool(fragment)
    wanted.context_info.timezone, wanted.context_info.locale = "UTC", "en-US"
    tab.send(message.SerializeToString())


def taken(tab: ClientConnection) -> Iterator[ForwardMsg]:
    while True:
        message = ForwardMsg()
        message.ParseFromString(tab.recv(timeout=SECONDS))
        yield message


def opened(tab: ClientConnection) -> tuple[dict[str, str], set[str]]:
    """The Monitor: each page's hash by its name, and the parts that ask for themselves again."""
    ask(tab, page_name="monitor")
    pages: dict[str, str] = {}
    timers: set[str] = set()
    for message in taken(tab):
        match message.WhichOneof("type"):
            case "navigation":
                pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
            case "auto_rerun":
                timers.add(message.auto_rerun.fragment_id)
            case "script_finished" if timers:
                break
    return pages, timers


def test_a_page_is_shown_though_timers_of_the_one_before_fire_when_it_is_asked_for(
    tab: ClientConnection,
) -> None:
    pages, timers = opened(tab)
    ask(tab, page_hash=pages["results"])
    for fragment in timers:
        ask(tab, page_hash=pages["monitor"], fragment=fragment)
    runs: list[str] = []
    ended = 0
    for message in taken(tab):
        match message.WhichOneof("type"):
            case "new_session":
                runs.append(message.new_session.page_script_hash)
            case "script_finished":
                ended += 1
                if ended == 2:
                    break
                for fragment in timers:  # so that another run ends after all that was asked for above
                    ask(tab, page_hash=pages["results"], fragment=fragment)
    assert set(runs) == {pages["results"]}
