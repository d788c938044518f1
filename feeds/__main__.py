"""`python -m feeds` is the `feeds` command."""

from feeds.cli import run

if __name__ == "__main__":
    run()
