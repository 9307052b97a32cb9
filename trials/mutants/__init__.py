"""Small faults put into the pure rules, one after the other, to see whether a test notices each of them."""
