"""The application of a SparkApplication: `slmworks task …` in a driver that was submitted."""

from slmworks.cli.main import main

if __name__ == "__main__":
    main()
