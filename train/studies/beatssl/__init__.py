"""Beat-SSL's study."""
