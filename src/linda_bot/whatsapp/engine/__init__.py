"""The engine: a child process that runs the client library for one connection attempt, driven over its pipes."""


def main() -> None:
    """Run an engine on this process's stdin and stdout; never returns."""
    from linda_bot.whatsapp.engine.process import run

    run()
