"""WordPress: the file of Tools > Export."""

from collections.abc import Iterator

from simrec.articles.sources.export_source import XmlExport
from simrec.articles.sources.source import Record
from simrec.articles.sources.wordpress_xml import wordpress_records
from simrec.articles.sources.xml_tree import Child


class WordpressSource(XmlExport):
    """A file of WordPress eXtended RSS."""

    root = "rss"
    depth = 3  # rss, channel, item

    def records(self, children: Iterator[Child]) -> Iterator[Record]:
        return wordpress_records(children)
