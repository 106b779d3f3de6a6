"""Text of others in the log and in the report: it moves no terminal, and adds no line of its own."""

import logging
import re

from hepflow.engine.logs import FILE, logging_to
from hepflow.report.blocks import Page, Section, Text
from hepflow.report.page import render

PLANTED = "a\x1b[2J\x9b1m\u202eb"
SHOWN = r"a\x1b[2J\x9b1m\u202eb"


def test_the_log(tmp_path):
    with logging_to(tmp_path):
        logging.getLogger("hepflow.test").warning("read %s\n2026-01-01T00:00:00Z INFO planted", PLANTED)
    first, second = (tmp_path / FILE).read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"\d{4}-.*Z WARNING \d+ hepflow\.test: read " + re.escape(SHOWN), first)
    assert second == "  2026-01-01T00:00:00Z INFO planted"  # of the message, as it is indented


def test_the_report():
    page = render(Page(f"title {PLANTED}", "", (Section("one", "One", (Text(PLANTED),)),)))
    assert page.count(SHOWN) >= 2
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
