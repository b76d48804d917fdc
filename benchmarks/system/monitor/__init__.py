"""The figures that makers of bedside monitors disclose, of our monitor."""
