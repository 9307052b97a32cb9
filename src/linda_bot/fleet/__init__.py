"""Several hosts on one database: which host runs which account, and until when it may."""
