"""The running API before its own OpenAPI description, by a reader that is not ours (schemathesis)."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import stack
from api.auth import ORDERS_WRITE, SCOPES
from fresh import fresh_settings
from rest import Rest, running

CONFIG = Path(__file__).parent / "schemathesis.toml"
UNBOUNDED = {"requests_per_customer": 0, "requests_per_system": 0}


def examine(rest: Rest, examples: int, seed: int, directory: Path) -> subprocess.CompletedProcess[str]:
    """Asks each operation so many questions, besides those at the edges of its schema; fails where an answer breaks
    the contract."""
    order = {"id_user": 42, "id_produk": 7, "harga": 1, "jumlah": 1}
    shop = rest.headers(ORDERS_WRITE)
    rest.until(lambda: rest.post("/v1/orders", order, shop).status_code == 202, "orders and ids taken")
    token = rest.headers(*SCOPES, sub="42", courier="jne", ttl=86_400)["Authorization"]
    words = ["run", f"{rest.client.base_url}/openapi.json", "-H", f"Authorization: {token}"]
    words += ["--max-examples", str(examples), "--seed", str(seed), "--no-color"]
    return subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), *words],
        capture_output=True,
        text=True,
        cwd=directory,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500, help="of each operation")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        servers = stack.start_servers(Path(name))
        try:
            with running("api", fresh_settings(servers, Path(name), **UNBOUNDED)) as rest:
                done = examine(rest, asked.examples, asked.seed, Path(name))
        finally:
            servers.stop()
    print(done.stdout, done.stderr)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
