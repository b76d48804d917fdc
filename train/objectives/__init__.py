"""What networks are trained for, and what that needs."""
