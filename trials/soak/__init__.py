"""A long life of the whole program on the embedded sandbox, looked at every few seconds: `python -m trials.soak`."""
