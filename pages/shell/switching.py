"""A press on another page's link counts, also when a timer of the page that is being left fires in that moment.

Streamlit's browser half asks for a part of a page (a fragment) under the page that it still shows. On the server
such a request takes the page of a switch that waits, or that has just been made, back to the one before. A part of a
page changes no page: it is run for the page that was asked for last. [streamlit 1.67, `ScriptRequests`: a request that
is joined to a waiting one brings its page along]
"""

from __future__ import annotations

from functools import wraps

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession


def keep_switches() -> None:
    """From now on in this process; called once, before the first session."""
    request = AppSession.request_rerun

    @wraps(request)
    def request_rerun(session: AppSession, client_state: ClientState | None) -> None:
        if client_state is not None:
            last = session._client_state  # what Streamlit itself notes when a run begins
            if not client_state.fragment_id:
                last.page_script_hash = client_state.page_script_hash
            elif last.page_script_hash:
                client_state.page_script_hash = last.page_script_hash
        request(session, client_state)

    AppSession.request_rerun = request_rerun
