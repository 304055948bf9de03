"""`python -m distdiag_tui` is the `distdiag` command."""

from distdiag_tui.cli import main

if __name__ == "__main__":
    main()
