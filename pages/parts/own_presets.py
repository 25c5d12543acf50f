"""Own presets on the Convert page: choose one, keep what is chosen as one, hand them on, take them in."""

from __future__ import annotations

from functools import partial

import streamlit as st

from batch_core import conversions
from batch_core.conversions import Conversion, Options
from batch_core.errors import DashboardError
from batch_core.local_cloud import app_home
from batch_core.presets import FILE, Preset, Presets, exported
from pages.shell import session, words

FIELDS = {
    "quality": "convert_quality",
    "lines": "convert_lines",
    "fps": "convert_fps",
    "audio": "convert_audio",
    "subtitle": "convert_subtitle",
    "volume": "convert_volume",
    "every": "convert_every",
    "arguments": "convert_arguments",
}
TIMES = {"start": "convert_from", "end": "convert_to_time"}
USUAL = {"volume": 0, "every": 10.0}  # of fields that can't be empty


def presets() -> Presets:
    """The presets of whoever runs this app."""
    return Presets(app_home())


def kept_presets() -> list[Preset]:
    """The presets that are kept; where they can't be read, none, and why."""
    try:
        return presets().all()
    except DashboardError as error:
        session.show_error(error)
        return []


def own_cards(chosen: str) -> None:
    """A card for each own preset; a press sets the conversion (under the session's key `chosen`) and all options."""
    for number, preset in enumerate(kept_presets()):
        with st.container(border=True, height="stretch", gap="xsmall"):
            st.button(
                words.plain(preset.name),
                key=f"own_{number}",
                type="tertiary",
                icon=":material/bookmark:",
                on_click=partial(_take, preset, chosen),
            )
            st.caption(words.plain(_told(preset)))


def _told(preset: Preset) -> str:
    wanted = conversions.conversion(preset.conversion)
    told = preset.options.arguments or "; ".join(conversions.changes(wanted, preset.options))
    return f"{wanted.label}: {told}" if told else wanted.label


def _take(preset: Preset, chosen: str) -> None:
    state, options = st.session_state, preset.options
    expert = conversions.conversion(preset.conversion).group == "Expert"
    state[chosen] = "expert" if expert else preset.conversion
    if expert:
        state["convert_container"] = preset.conversion.removeprefix("expert-")
    state[FIELDS["arguments"]] = options.arguments
    set_options(options)


def set_options(options: Options) -> None:
    """Fills in the fields of the options, all but own arguments; to be called before these are drawn."""
    state = st.session_state
    for name, key in FIELDS.items():
        value = getattr(options, name)
        if name != "arguments":
            state[key] = USUAL[name] if value is None and name in USUAL else value
    for name, key in TIMES.items():
        value = getattr(options, name)
        state[key] = "" if value is None else f"{value:g}"


def changed(conversion: Conversion) -> int:
    """How many options of a conversion were filled in otherwise than usual, before they are drawn."""
    state = st.session_state
    filled = {name: state[key] for name, key in FIELDS.items() if state.get(key) is not None}
    part = "part" in conversion.takes and any(state.get(key) for key in TIMES.values())
    return len(conversions.changes(conversion, Options(**filled))) + part


def keep_as_preset(conversion: Conversion, options: Options) -> None:
    """Keeps what is chosen under a name."""
    with st.popover("Keep as a preset", icon=":material/bookmark_add:"):
        name = st.text_input("Name", key="preset_name", max_chars=60)
        key = " ".join(name.split()).casefold()
        there = next((one for one in kept_presets() if one.name.casefold() == key), None)
        if there:
            st.caption(f"{words.plain(there.name)} is there already: {words.plain(_told(there))}.")
        if st.button("Replace it" if there else "Keep it", key="preset_keep", disabled=not name.strip()):
            try:
                presets().save(Preset(name, conversion.id, options), replacing=there is not None)
            except DashboardError as error:
                session.show_error(error)
                return
            st.rerun()


def own_files() -> None:
    """Hand own presets on as a file, take such a file in, delete one."""
    kept = kept_presets()
    with st.expander("Export, import, delete presets"):
        if kept:
            st.download_button(
                "Export presets",
                exported(kept),
                FILE,
                "application/json",
                key="presets_export",
                icon=":material/download:",
                on_click="ignore",
            )
            gone = st.selectbox("Preset to delete", [one.name for one in kept], key="presets_gone")
            st.button("Delete this preset", key="presets_delete", on_click=partial(_delete, gone))
        given = st.file_uploader("Presets to import", "json", key="presets_import", max_upload_size=1)
        if given and st.button("Import presets", key="presets_add", icon=":material/upload:"):
            _import(given.getvalue())
        if refused := st.session_state.pop("presets_error", None):
            session.show_error(refused)
        st.caption(f"They are kept in {words.plain(str(presets().path))}")


def _delete(name: str) -> None:
    try:
        presets().delete(name)
    except DashboardError as error:
        st.session_state["presets_error"] = error


def _import(data: bytes) -> None:
    try:
        added = presets().add(data)
    except DashboardError as error:
        session.show_error(error)
        return
    st.toast(f"{words.count(len(added), 'preset')} imported.")
    st.rerun()
