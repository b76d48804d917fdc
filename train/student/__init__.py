"""The student: its beats, its teachers, its training."""
