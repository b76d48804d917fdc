"""Each system's evaluation, from recordings to tables."""
