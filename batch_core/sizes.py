"""Bytes and playing times as people read them, the same on every page, in every sentence and report."""

_UNITS = ("KB", "MB", "GB", "TB")


def size_text(count: int) -> str:
    """Bytes in the unit that leaves one to three digits before the point: 1 byte, 812 bytes, 13.4 MB, 3 MB."""
    if count < 1000:
        return "1 byte" if count == 1 else f"{count} bytes"
    value, unit = count / 1000, 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    number = f"{value:.0f}" if value >= 99.5 else f"{value:.1f}".removesuffix(".0")
    return f"{number} {_UNITS[unit]}"


def lasted_text(seconds: float | None) -> str:
    """How long something took: tenths of seconds below a minute (3.2 s), then as `length_text` has it."""
    return f"{seconds:.1f} s" if seconds is not None and seconds < 60 else length_text(seconds)


def length_text(seconds: float | None) -> str:
    """Seconds as on a player: 2:03, or 1:02:03 from an hour on; a dash where they are not known."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
