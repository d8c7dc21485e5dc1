"""The page in a real browser: it asks for nothing, fits a phone, and is dark where the reader wants that.

Needs Chromium (Debian's package chromium), which CI installs: there its absence is a failure. Nothing leaves the
machine: every host name but this machine's is unknown to the browser that is started here.
"""

import json
import os
import re
import shutil
import subprocess
import zlib

import pytest

from runtimes.reporting.build import build
from runtimes.reporting.collect import collect
from runtimes.reporting.document import Document, Section, Table
from runtimes.reporting.render import html

OUTSIDE = "http://127.0.0.1:9/outside.png"
LIGHT, DARK = 1, 0


@pytest.fixture
def browse(tmp_path):
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install chromium")
        pytest.skip("no chromium; Debian's package chromium has it")

    def browsed(page, *options):
        switches = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        quiet = ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        command = [found, *switches, *quiet, f"--user-data-dir={tmp_path / 'profile'}", *options, page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return browsed


@pytest.fixture
def page(made, records, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(html(build(collect([made, records]))[0]).encode())
    return path


def asked(browse, page, log):
    """What the page itself asked for; the browser's own affairs have no page behind them."""
    browse(page, f"--log-net-log={log}", "--dump-dom")
    events = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    return {event["url"] for event in events if "file://" in str(event.get("network_isolation_key"))}


def test_no_request_leaves_the_page(browse, page, tmp_path):
    assert asked(browse, page, tmp_path / "net.json") == set()
    control = tmp_path / "control.html"
    control.write_text(f'<img src="{OUTSIDE}">')
    assert asked(browse, control, tmp_path / "control.json") == {OUTSIDE}


def test_what_a_record_might_smuggle_in_is_blocked(browse, page, tmp_path):
    """Even if something got past the escaping, the page's own policy would hold it."""
    smuggled = tmp_path / "smuggled.html"
    smuggled.write_text(page.read_text().replace("<main>", f'<main><img src="{OUTSIDE}">'))
    assert asked(browse, smuggled, tmp_path / "net.json") == set()


def test_nothing_is_wider_than_a_phone(browse, page, tmp_path):
    """A frame of a phone's width measures the page in it; the page's own policy is lifted for the measuring."""
    inside = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text()).replace(
        "</body>", "<script>parent.postMessage(document.documentElement.scrollWidth, '*')</script></body>"
    )
    (tmp_path / "inside.html").write_text(inside)
    (tmp_path / "wide.html").write_text(inside.replace("<main>", '<main><div style="width: 600px">wide</div>'))
    assert measured_width(browse, tmp_path, "inside.html") == 360
    assert measured_width(browse, tmp_path, "wide.html") > 500  # the control


def test_a_click_sorts_a_table_by_figures_and_names(browse, tmp_path):
    """The page's own script under its own policy; what clicks is added to a page whose policy is lifted."""
    rows = (("b", "1,000"), ("a", "–"), ("c", "9.5"))
    table = Table("all", ("bundle", "MB"), rows)
    text = html(Document("t", "l", (), (Section("s", "l", (), (table,)),)))
    clicks = "const heads = document.querySelectorAll('th button'); heads[{}].click(); heads[{}].click();"

    def order(first, second):
        page = tmp_path / f"{first}{second}.html"
        lifted = re.sub(r"<meta http-equiv[^>]*>", "", text)
        page.write_text(lifted.replace("</body>", f"<script>{clicks.format(first, second)}</script></body>"))
        return re.findall(r"<tr><td[^>]*>(\w)</td>", browse(page, "--dump-dom"))

    assert order(1, 0) == ["a", "b", "c"]
    assert order(0, 1) == ["c", "b", "a"]
    assert order(1, 1) == ["b", "c", "a"]  # the largest first, and what has no figure last


@pytest.mark.parametrize("width", [1280])
def test_no_table_is_scrolled_sideways_on_a_desk(browse, page, tmp_path, width):
    script = (
        "const wide = [...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth);"
        "document.title = `${wide.length} of ${document.querySelectorAll('.scroll').length} scroll`"
    )
    text = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text())
    (tmp_path / "desk.html").write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    dumped = browse(tmp_path / "desk.html", f"--window-size={width},900", "--dump-dom")
    assert re.search(r"<title>0 of ([1-9]\d*) scroll</title>", dumped), re.search(r"<title>(.*)</title>", dumped)[1]


def measured_width(browse, folder, name):
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe src="{name}" style="width: 360px; height: 800px; border: 0"></iframe><p id="width"></p>'
        "<script>onmessage = event => document.getElementById('width').textContent = event.data</script>"
    )
    dumped = browse(frame, "--dump-dom", "--virtual-time-budget=2000", "--allow-file-access-from-files")
    return int(re.search(r'id="width">(\d+)<', dumped)[1])


@pytest.mark.parametrize(("scheme", "dark"), [(LIGHT, False), (DARK, True)])
def test_the_page_follows_the_readers_scheme(browse, page, tmp_path, scheme, dark):
    picture = tmp_path / "shot.png"
    browse(page, f"--blink-settings=preferredColorScheme={scheme}", "--window-size=390,800", f"--screenshot={picture}")
    assert (first_pixel(picture.read_bytes()) < 64) is dark


def first_pixel(png):
    """Red of the upper left pixel: of a PNG's first row the first bytes are as they are, whatever its filter."""
    chunks, at = b"", 8
    while at < len(png):
        size, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        chunks += png[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    return zlib.decompress(chunks)[1]
