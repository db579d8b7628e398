"""`python -m slmworks` is the command line."""

from slmworks.cli.main import main

if __name__ == "__main__":
    main()
