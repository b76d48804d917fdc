"""What is trained for: one module for each system's own losses."""
