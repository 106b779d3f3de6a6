"""Bars on terminals alone, over what takes long, and every item as it is."""

from hepflow.progress import progress


def test_items_come_as_they_are_behind_a_bar_that_goes(on_terminal):
    items, shown = on_terminal(lambda: list(progress("abc", "letters", "letter")))
    assert items == list("abc")
    _, bar, wiped, end = shown.split("\r")
    assert bar.startswith("letters:   0%")
    assert "0/3" in bar
    assert "letter/s" in bar
    assert wiped.strip() == end == ""


def test_how_many_a_stream_has_is_told(on_terminal):
    assert "0/3" in on_terminal(lambda: list(progress(iter("abc"), "letters", "letter", total=3)))[1]


def test_what_is_quick_needs_no_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(progress("abc", "letters", "letter")) == list("abc")
    assert capsys.readouterr() == ("", "")


def test_no_bar_in_a_file(capsys, monkeypatch):
    monkeypatch.setattr("hepflow.progress.PATIENCE", 0.0)
    assert list(progress("abc", "letters", "letter")) == list("abc")
    assert capsys.readouterr() == ("", "")
