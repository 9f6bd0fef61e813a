"""The quotes, as pairs of text and author."""

QUOTES = [
    ("Simplicity is prerequisite for reliability.", "Edsger W. Dijkstra"),
    ("There are only two hard things in computer science: cache invalidation and naming things.", "Phil Karlton"),
    ("The cheapest, fastest, and most reliable components are those that aren't there.", "Gordon Bell"),
    ("Premature optimization is the root of all evil.", "Donald Knuth"),
]
