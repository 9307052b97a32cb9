"""Long trials of the whole program: not tests, because they take from minutes to days."""
