"""What the commands of `edge-train` do; `train.cli` imports the one that was given."""
