"""One file a revision: `<number>_<what>.py`, whose number is the revision's name."""
