"""The commands of the runtime: `edge-run`, `edge-emulate` and `edge-export`."""
