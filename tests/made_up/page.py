"""A parser that says what stands in a page."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Read(HTMLParser):
    """What stands in a page: tags with their attributes, text, headings, and the rows of its tables."""

    tags: list = field(default_factory=list)
    text: str = ""
    headings: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    html: str = ""
    _inside: str | None = None

    @classmethod
    def of(cls, html):
        page = cls(html=html)
        super(Read, page).__init__()
        page.feed(html)
        page.close()
        return page

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        self._inside = tag

    def handle_endtag(self, tag):
        if tag in ("h1", "h2", "h3", "th", "td", "style"):
            self._inside = None

    def handle_data(self, data):
        if self._inside == "style":
            return
        self.text += data
        if self._inside in ("h1", "h2", "h3"):
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)
        elif self.rows and self.rows[-1] and self._inside in ("th", "td", "i", "sub"):
            self.rows[-1][-1] += data

    def all(self, tag):
        """Return the attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def row(self, heading):
        """Return the cells of the first row with this heading."""
        return next(row for row in self.rows if row and row[0] == heading)
