"""`python -m evalkit` does what the `evalkit` command does."""

from evalkit.cli import main

if __name__ == "__main__":
    main()
