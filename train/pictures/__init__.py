"""Pictures that explain what a network does."""
