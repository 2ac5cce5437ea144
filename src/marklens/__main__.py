"""``python -m marklens`` is the command `marklens`."""

from marklens.cli.main import main

if __name__ == "__main__":
    main()
