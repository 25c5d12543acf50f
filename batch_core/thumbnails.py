"""Small pictures of films and stills. Runs in the child of `probe`, for what it decodes may be hostile.

All have the same shape, as on a player's screen: what is narrower has black beside it. So rows of a page are of one
height, whatever was filmed.
"""

import io
import time
from collections.abc import Iterator
from typing import IO, Any

SHAPE = (320, 180)  # pixels
MOST_BYTES = 15_000
PLACES = (0.1, 0.3, 0.5, 0.7)  # of a film's length
DARK = 20  # of 255 on average: a fade, or what comes before a film begins
PACKETS, SECONDS = 1000, 5.0  # that are looked through for a key picture
_MOST_PIXELS = 16384 * 16384  # of a still, as in `stills`


def film(container: Any, stream: Any) -> bytes | None:
    """A JPEG of a film near a tenth of its length, upright; of a later place where it is nearly black there."""
    until = time.monotonic() + SECONDS
    best: tuple[float, Any] | None = None
    for place in PLACES:
        image = _picture_at(container, stream, place, until)
        if image is None:
            break
        light = _light(image)
        if best is None or light > best[0]:
            best = light, image
        if light >= DARK:
            break
    return _jpeg(best[1]) if best else None


def still(source: IO[bytes]) -> bytes:
    """A JPEG of a picture, or of an animation's beginning."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    with Image.open(source, formats=["JPEG", "PNG", "GIF", "WEBP"]) as image:
        image.draft("RGB", (SHAPE[0] * 2, SHAPE[1] * 2))
        small = image.convert("RGB")
    small.thumbnail(SHAPE)
    return _jpeg(small)


def _picture_at(container: Any, stream: Any, place: float, until: float) -> Any | None:
    """The key picture at this share of the length, or before it; what comes next where a film can't be searched."""
    import av

    if container.duration:
        try:
            container.seek((container.start_time or 0) + int(container.duration * place))
        except av.error.FFmpegError:
            if place > PLACES[0]:
                return None
    for packet in _key_packets(container, stream, until):
        try:
            frames = stream.codec_context.decode(packet) or stream.codec_context.decode(None)
        except av.error.InvalidDataError:
            frames = []
        stream.codec_context.flush_buffers()
        if frames:
            return _upright(frames[0], stream)
    return None


def _key_packets(container: Any, stream: Any, until: float) -> Iterator[Any]:
    for packet, _ in zip(container.demux(stream), range(PACKETS), strict=False):
        if time.monotonic() > until:
            return
        if packet.size and packet.is_keyframe:
            yield packet


def _upright(frame: Any, stream: Any) -> Any:
    """The frame as small as it is needed, with square pixels and turned as it was filmed."""
    width, height = frame.width * float(stream.sample_aspect_ratio or 1), float(frame.height)
    across, down = SHAPE[::-1] if frame.rotation % 180 else SHAPE
    scale = min(across / width, down / height)
    small = frame.to_image(width=max(1, round(width * scale)), height=max(1, round(height * scale)))
    return small.rotate(frame.rotation, expand=True)


def _light(image: Any) -> float:
    from PIL import ImageStat

    return float(ImageStat.Stat(image.convert("L")).mean[0])


def _jpeg(image: Any) -> bytes:
    from PIL import Image

    screen = Image.new("RGB", SHAPE)
    screen.paste(image, ((SHAPE[0] - image.width) // 2, (SHAPE[1] - image.height) // 2))
    for quality in (80, 60, 40, 20):
        made = io.BytesIO()
        screen.save(made, "JPEG", quality=quality, optimize=True)
        if made.tell() <= MOST_BYTES:
            break
    return made.getvalue()
