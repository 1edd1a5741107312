"""`python bot.py` is the same as `herald run`."""

import sys

from herald.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
