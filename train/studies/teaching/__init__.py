"""The study of teachers."""
