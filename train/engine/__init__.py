"""What every training stands on: one loop, processes, random streams, manifests, files."""
