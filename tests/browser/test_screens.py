"""Every page on a phone and on a laptop, light and dark: nothing is cut off, and all that is written can be read."""

import re
import uuid

import pytest
from playwright.sync_api import Browser, Page, expect

from batch_core import jobs, pools
from batch_core.account import Account
from batch_core.jobs import Plan, Run
from tests.core.clips import clip, uploaded
from tests.waiting import until

SIGNS = {  # what a page shows last: until it is there, there is little to look at
    "": ("Convert", "Select rows to delete them."),
    "convert": ("The exact command",),
    "results": ("Download all", "Play"),
    "monitor": ("1 / 1",),
    "pool": ("Add a pool", "task at once on a node"),
    "connect": ("Keys stay in the app's memory",),
    "cleanup": ("Choose what to delete.",),
}
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
LONG = 60_000  # ms; the tests share the processor with the nodes
LEAST = [4.5, 3]  # contrast with what is behind it (WCAG 2.1 AA): of text, and of the words on controls
WIDTHS = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
  .map((part) => part.scrollWidth - part.clientWidth)"""
OUTSIDE = """() => {
  const scrolls = (part) => part && part.dataset.testid !== 'stMain' &&
    (['auto', 'scroll'].includes(getComputedStyle(part).overflowX) && part.scrollWidth > part.clientWidth || scrolls(part.parentElement));
  return [...document.querySelectorAll('[data-testid=stMain] :is(button, a, input, h1, h2, h3, p)')]
  .filter((part) => part.checkVisibility({ opacityProperty: true }) && part.getClientRects().length)
  .filter((part) => !part.closest('[data-testid=stDataFrame], [data-testid=stTable], pre, .js-plotly-plot'))
  .filter((part) => part.getBoundingClientRect().right > innerWidth + 1 && !scrolls(part.parentElement))
  .map((part) => part.outerHTML.slice(0, 200));
}"""
FAINT = """([text, control]) => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((part, index) => part * a + below[index] * (1 - a));
  const behind = (part) => {
    const layers = [];
    for (; part; part = part.parentElement) layers.push(parse(getComputedStyle(part).backgroundColor));
    return layers.reverse().reduce((below, layer) => (layer.length ? over(layer, below) : below), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const part of document.querySelectorAll('[data-testid=stMain] :is(p, h1, h2, h3, label, li), [data-testid=stSidebar] :is(a, p)')) {
    if (!part.checkVisibility() || !part.textContent.trim() || part.closest('[disabled], [aria-disabled=true], .js-plotly-plot')) continue;
    if (part.querySelector('p') || part.closest('label')?.querySelector('[disabled]')) continue;
    const below = behind(part);
    const [one, two] = [light(over(parse(getComputedStyle(part).color), below)), light(below)].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (two + 0.05);
    if (contrast < (part.closest('button') ? control : text)) found.push(`${contrast.toFixed(2)} ${part.textContent.slice(0, 60)}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def run(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that has ended, of one video."""
    pools.ensure_local_pool(account)
    video = uploaded(account, clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 1), "A day at the sea.mp4")
    plan = Plan((video,), "mp3", pool_id=pools.LOCAL_POOL, name="Sea to MP3", nonce=uuid.uuid4().hex)
    made = jobs.launch(account, plan)
    until(lambda: jobs.get_run(account, made.id).over, seconds=60, what="the run's end")
    return made


def open_page(page: Page, url: str, name: str, run: Run) -> None:
    page.goto(f"{url}/{name}?run={run.id}")
    for sign in SIGNS[name]:
        expect(page.get_by_text(sign).first).to_be_visible(timeout=LONG)


@pytest.mark.parametrize(("scheme", "size"), [("light", PHONE), ("dark", LAPTOP)], ids=["phone", "laptop"])
def test_nothing_is_cut_off_and_all_can_be_read(
    browser: Browser,
    app_url: str,
    run: Run,
    scheme: str,
    size: dict[str, int],
) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    problems = []
    for name in SIGNS:
        open_page(page, app_url, name, run)
        problems += [(name, "wider than the screen", wide) for wide in page.evaluate(WIDTHS) if wide > 0]
        problems += [(name, "outside the screen", part) for part in page.evaluate(OUTSIDE)]
        problems += [(name, "faint", part) for part in page.evaluate(FAINT, LEAST)]
    dark = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    context.close()
    assert not problems, "\n".join(map(str, problems))
    assert (sum(map(int, re.findall(r"\d+", dark)[:3])) < 150) == (scheme == "dark")
