"""The report as Chromium shows it, on a screen and on a phone: nothing overflows, every figure loads, it looks right.

Run on demand: ``pytest -m browser``. HEPFLOW_CHROMIUM names the browser where it has another name, and
HEPFLOW_NEW_REFERENCE=1 keeps what it shows now as the reference.
"""

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--allow-file-access-from-files", "--virtual-time-budget=4000", "--force-device-scale-factor=1"),
)
WIDTHS = {"screen": 1280, "phone": 390}
HEIGHT = 1000
REFERENCE = Path(__file__).parent / "first_screen.csv"
# A browser's window cannot be as narrow as a phone; a frame can. The page itself runs no script, so its frame asks.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<iframe src="report.html" style="width:{width}px;height:{height}px;border:0"></iframe><pre id="found"></pre>
<script>onload = () => {{
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  const beyond = [...page.querySelectorAll("body *")].filter(
    one => !one.closest(".scroll") && one.getBoundingClientRect().right > root.clientWidth + 1);
  document.getElementById("found").textContent = JSON.stringify({{
    width: root.clientWidth, content: root.scrollWidth, beyond: beyond.map(one => one.outerHTML.slice(0, 80)),
    styled: getComputedStyle(page.body).display,
    images: [...page.images].map(one => [one.naturalWidth, one.getBoundingClientRect().width]),
    boxes: [...page.querySelectorAll(".scroll")].map(one => one.getBoundingClientRect().width),
  }});
}}</script>"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Return a function that runs the browser, with a profile of its own, and returns what it prints."""
    found = os.environ.get("HEPFLOW_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium here; install it, or name it in HEPFLOW_CHROMIUM")
    profile = tmp_path_factory.mktemp("profile")

    def run(*arguments):
        command = [found, *OPTIONS, f"--user-data-dir={profile}", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return run


@pytest.fixture(scope="module", params=sorted(WIDTHS))
def screen(request):
    return request.param


@pytest.fixture(scope="module")
def frame(run_folder, screen):
    """Return a page that shows the report of a run in a frame as wide as the screen."""
    return framed(run_folder, screen)


def framed(folder, screen):
    path = folder / f"{screen}.html"
    path.write_text(FRAME.format(width=WIDTHS[screen], height=HEIGHT), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["run", "scan", "comparison", "limits"])
def test_layout(chromium, folders, kind, screen):
    printed = chromium("--window-size=1400,1100", "--dump-dom", framed(folders[kind], screen).as_uri())
    (found,) = re.findall('<pre id="found">(.*?)</pre>', printed)
    layout = json.loads(unescape(found))
    assert layout["width"] == layout["content"] == WIDTHS[screen]
    assert layout["beyond"] == []
    assert layout["styled"] == "grid"  # the policy lets the page's own style sheet through
    assert len(layout["images"]) == (folders[kind] / "report.html").read_text("utf-8").count("<img ")
    for natural, shown in layout["images"]:
        assert natural > 300
        assert 250 < shown <= WIDTHS[screen]
    assert any(layout["boxes"])
    assert all(250 < width <= WIDTHS[screen] for width in layout["boxes"] if width)  # folded ones have none


def test_it_is_not_blank(chromium, frame, screen, tmp_path):
    assert shot(chromium, frame, screen, tmp_path).std() > 5


@pytest.mark.parametrize("screen", ["screen"], indirect=True)
def test_the_first_screen_looks_as_it_did(chromium, frame, screen, tmp_path):
    """As coarse as a thumbnail: other fonts move it by 3 grey values at most, a missing style by 8 and more.

    On a phone other fonts break lines elsewhere, and tell as much as a missing style; `test_layout` is for that.
    """
    found = shot(chromium, frame, screen, tmp_path)
    if os.environ.get("HEPFLOW_NEW_REFERENCE"):
        np.savetxt(REFERENCE, found, "%d", ",")
    assert np.abs(found - np.loadtxt(REFERENCE, delimiter=",")).mean() < 5


def shot(chromium, frame, screen, folder):
    """Return a thumbnail of the first screen."""
    path = folder / "shot.png"
    chromium(f"--window-size={max(WIDTHS[screen], 500)},{HEIGHT}", f"--screenshot={path}", frame.as_uri())
    return thumbnail(path, WIDTHS[screen])


def thumbnail(path, width):
    """Return the grey values (0 to 255) of the first screen in blocks of 65 x 50 pixels."""
    from matplotlib.image import imread

    grey = 255 * imread(path)[:HEIGHT, :width, :3].mean(axis=2)
    rows, columns = HEIGHT // 50, width // 65
    return grey[: rows * 50, : columns * 65].reshape(rows, 50, columns, 65).mean(axis=(1, 3))
