"""What README links to is there, and the page is short."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def missing(text):
    links = re.findall(r"\]\(([^)#]+)", text)
    assert links
    return [link for link in links if "://" not in link and not (ROOT / link).exists()]


def test_every_link_leads_somewhere():
    assert missing(README) == []


def test_one_that_does_not_is_noticed():
    assert missing("[a](docs/nowhere.md)") == ["docs/nowhere.md"]


def test_it_is_read_in_minutes():
    assert README.count("\n") <= 150
