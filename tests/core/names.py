"""Names as file systems allow them and as nobody should interpret them: (name, shown, its MP3's name)."""

FAMILY = "👩\u200d👩\u200d👧"
NAMES: tuple[tuple[str, str, str], ...] = (
    ("plain name.mp4", "plain name.mp4", "plain name.mp3"),
    ('it\'s "quoted".mp4', 'it\'s "quoted".mp4', "it's _quoted_.mp3"),
    ("$(touch x) `id` ${HOME}.mp4", "$(touch x) `id` ${HOME}.mp4", "$(touch x) `id` ${HOME}.mp3"),
    ("a;b & c && d, {e} ^f!.mp4", "a;b & c && d, {e} ^f!.mp4", "a;b & c && d, {e} ^f!.mp3"),
    ("100% %PATH% %20%2e%2f.mp4", "100% %PATH% %20%2e%2f.mp4", "100% %PATH% %20%2e%2f.mp3"),
    ("#1 = x + y@z.example.mp4", "#1 = x + y@z.example.mp4", "#1 = x + y@z.example.mp3"),
    ("line one\nline two\ttab.mp4", "line one line two tab.mp4", "line one line two tab.mp3"),
    ("turned \u202egpj.4pm\u2066 round.mp4", "turned gpj.4pm round.mp4", "turned gpj.4pm round.mp3"),
    ("trailing dots....", "trailing dots....", "trailing dots.mp3"),
    ("-rf --help.mp4", "-rf --help.mp4", "-rf --help.mp3"),
    (f"🎬 {FAMILY} 🇩🇪.mp4", f"🎬 {FAMILY} 🇩🇪.mp4", f"🎬 {FAMILY} 🇩🇪.mp3"),
    ("no extension", "no extension", "no extension.mp3"),
    ("x" * 251 + ".mp4", "x" * 251 + ".mp4", "x" * 251 + ".mp3"),
    ("日本" * 41 + ".mp4", "日本" * 41 + ".mp4", "日本" * 41 + ".mp3"),
    (
        "<img src=x onerror=alert(1)>.mp4",
        "<img src=x onerror=alert(1)>.mp4",
        "_img src=x onerror=alert(1)_.mp3",
    ),
    (
        "[a](b) ![c](d) **e** $f$ _g_.mp4",
        "[a](b) ![c](d) **e** $f$ _g_.mp4",
        "[a](b) ![c](d) __e__ $f$ _g_.mp3",
    ),
    ("www.evil.example.mp4", "www.evil.example.mp4", "www.evil.example.mp3"),
    (":material:delete: -> :red[x] :smile:.mp4",) * 2 + ("_material_delete_ -_ _red[x] _smile_.mp3",),
    ("%{x} &lt;b&gt; &amp;.mp4", "%{x} &lt;b&gt; &amp;.mp4", "%{x} &lt;b&gt; &amp;.mp3"),
    ("concat:a|b.mp4", "concat:a|b.mp4", "concat_a_b.mp3"),
    ("con.mp4", "con.mp4", "video con.mp3"),
    ("עברית ‎.mp4", "עברית .mp4", "עברית.mp3"),
)
COLLIDING = ("a.mp4", "a.mov", "A.MP4", "a (2).mp4", "Café.mp4", "Cafe\u0301.mp4", "a.mp4")
"""What lies in several folders under one name, or becomes one name on a disk: in the order of their upload."""
