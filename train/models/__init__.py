"""Networks, a file each; their registry, and how they are kept."""
