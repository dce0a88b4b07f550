"""`python -m gateway` is `hum-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main(prog_name="hum-gateway")
