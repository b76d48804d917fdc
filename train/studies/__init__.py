"""The evaluation of each published system, as one function."""
