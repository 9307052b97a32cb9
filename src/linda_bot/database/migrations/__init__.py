"""How the tables of a shared database came to be: two lines of revisions, each a file of plain SQL; see `migrating`."""
