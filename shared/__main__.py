"""`python -m shared` is the operator's command line."""

from shared.cli import main

main()
