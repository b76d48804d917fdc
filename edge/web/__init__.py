"""The page that shows a run in a browser: a server behind a sink, and what it serves."""
