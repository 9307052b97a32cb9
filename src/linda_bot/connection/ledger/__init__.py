"""The ledger: what a session has been through and why, told from its history; pure."""
