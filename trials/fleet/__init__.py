"""Random hours of a fleet in virtual time: real keepers, a database in memory, and everything that goes wrong."""
