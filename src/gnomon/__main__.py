"""``python -m gnomon``: the command line, where no ``gnomon`` command is on the path."""

from gnomon.cli import main

if __name__ == "__main__":
    main()
