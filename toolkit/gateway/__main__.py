"""``python -m toolkit.gateway``: the paper gateway without the rest of the toolkit."""

from toolkit.gateway.command import gateway

if __name__ == "__main__":
    gateway(prog_name="toolkit gateway")
