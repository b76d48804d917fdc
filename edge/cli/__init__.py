"""The commands of the runtime: `edge-run` and `edge-emulate`."""
