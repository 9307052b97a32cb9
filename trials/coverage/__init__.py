"""How much of the program the tests go through, the processes that they start counted in."""
