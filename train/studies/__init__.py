"""What each system is measured by: a folder each, which makes its tables from recordings alone."""
