"""What each system is measured by: a study each, which makes its tables from recordings alone."""
