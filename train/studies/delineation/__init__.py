"""The delineator's study."""
