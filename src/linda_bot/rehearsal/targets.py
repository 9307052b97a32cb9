"""The bounds that figures are held to; seconds, unless the name says otherwise.

Those of time are what the guide promises. Those of size are there to notice what has gone wrong by far: they hold on
any machine on which a bot would be run.
"""

READY_S = 10.0
QR_S = 10.0
LINK_S = 10.0
STOP_S = 5.0
ANSWER_S = 5.0
BACK_AFTER_LOSS_S = 30.0
NOTICED_S = 15.0
BACKUP_S = 1.0
BACKUP_MB = 5.0
MEMORY_MB = 400.0
MEMORY_GROWTH_MB = 40.0
OPEN_FILES = 200
RESTARTS = 10
"""In a row; together with the linking they stay under what WhatsApp may be asked for without a wait."""
