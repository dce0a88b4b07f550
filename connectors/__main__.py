"""`python -m connectors` is `hum-connector`."""

from connectors.cli import main

if __name__ == "__main__":
    main(prog_name="hum-connector")
