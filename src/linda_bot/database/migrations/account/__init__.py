"""The line of an account's messages and files."""
