"""An account moves from files to a shared database and back.

Two stores cannot change in one step, so one of them decides: a row in the database (`homes`). The files of an account
that is moved, or is being moved, carry a marker (`moved-to.json`): whoever finds it does not begin, but asks the
database, or the person. The marker is written before the row changes and goes after it has, and the row changes in one
transaction that holds the account's lease. So at each instant the account is in exactly one place; who dies on the
way leaves something that both sides judge alike (`whereabouts`), and the next `linda-bot migrate` finishes it, or
begins anew.
"""
