"""What a teacher looks at, as pictures."""
