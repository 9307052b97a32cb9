"""The line of the tables that all hosts share."""
