"""The room of QRS detection: our detector beside known ones."""
