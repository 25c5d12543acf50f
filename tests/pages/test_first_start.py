"""The very first start: the page is up at once, shows how far the installation is, and goes on by itself."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import dashboard
from pages.shell import session
from tests.pages.test_frame import service_of
from tests.waiting import until


@pytest.mark.timeout(300)
def test_the_page_is_up_at_once_and_shows_the_installations_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_DASHBOARD_HOME", str(tmp_path))
    opened = AppTest.from_file(str(Path(dashboard.__file__)), default_timeout=5)
    shown: list[int] = []

    def ready() -> bool:
        assert not opened.run().exception
        assert [title.value for title in opened.title] == ["Convert"]
        for bar in opened.get("progress"):
            assert bar.proto.text.startswith("Installing storage")
            shown.append(bar.proto.value)
        return any("no videos yet" in text.value for text in opened.markdown)

    try:
        opened.run().switch_page("pages/convert.py")
        assert not ready()
        until(ready, seconds=240, what="the page that goes on by itself")
        assert shown == sorted(shown)
        assert any(0 < percent < 100 for percent in shown)
    finally:
        cloud = session.local_cloud()
        service = service_of(cloud)
        cloud.release()
        service.terminate()
        service.wait(timeout=30)
