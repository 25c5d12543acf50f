"""The ids in the URL: which of the browser's and the app's words about them counts."""

from streamlit.testing.v1 import AppTest


def _app() -> None:
    import streamlit as st

    from pages.shell import session

    session.remember_ids()
    session.keep_ids_in_url()
    st.button("Start a run", on_click=session.set_run, args=("run-new",))
    st.button("Forget the run", on_click=session.set_run, args=(None,))
    st.markdown(session.current_run() or "none")


def _run(opened: AppTest, url_run: str | None) -> str:
    """The current run after a run of the page that the browser asked for from a URL with this run."""
    opened.query_params.clear()
    if url_run:
        opened.query_params["run"] = url_run
    opened.run()
    assert not opened.exception
    return opened.markdown[0].value


def test_the_id_in_an_opened_url_is_taken_and_survives_a_page_switch() -> None:
    opened = AppTest.from_function(_app)
    assert _run(opened, "run-old") == "run-old"
    assert _run(opened, None) == "run-old"
    assert "run-old" in opened.query_params["run"]


def test_a_new_run_is_not_undone_by_a_url_that_is_still_the_old_one() -> None:
    opened = AppTest.from_function(_app)
    _run(opened, "run-old")
    opened.button[0].click()
    assert _run(opened, "run-old") == "run-new"
    assert _run(opened, "run-old") == "run-new", "a second press, sent before the browser knew of the new run"
    assert _run(opened, "run-new") == "run-new"
    assert _run(opened, "run-old") == "run-old", "the browser's way back"


def test_a_forgotten_run_stays_forgotten() -> None:
    opened = AppTest.from_function(_app)
    _run(opened, "run-old")
    opened.button[1].click()
    assert _run(opened, "run-old") == "none"
    assert "run" not in opened.query_params
    assert _run(opened, None) == "none"
    assert _run(opened, "run-other") == "run-other"


def test_what_is_no_id_is_not_taken() -> None:
    opened = AppTest.from_function(_app)
    assert _run(opened, "<b>run</b>") == "none"
