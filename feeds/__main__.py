"""`python -m feeds` is the `feeds` command."""

from feeds.cli.main import run

if __name__ == "__main__":
    run()
