"""The shared database: how it is reached, where what is in it, and how its tables came to be."""
