"""The room of the whole: what `edge-run` costs, and what makers of monitors disclose."""
