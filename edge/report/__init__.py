"""A recording as pages for a person: what `edge-report` writes.

`found` keeps what the deployed path says of it, `counts` makes numbers of that, `strips` chooses
what is to be seen and cuts it out, `drawings` draws, `pages` says it all in blocks, and `html` and
`pdf` write the same blocks.
"""
