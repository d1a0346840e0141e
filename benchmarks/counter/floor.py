"""What PostgreSQL itself can do: pgbench with the row work of an order, eight statements one at a time."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from benchmarks.counter.site import Servers

_SCHEMA = """
CREATE TABLE bench_account (id int PRIMARY KEY, cash numeric(24,8) NOT NULL);
CREATE TABLE bench_order (id bigserial PRIMARY KEY, account int NOT NULL REFERENCES bench_account, client_id uuid NOT NULL,
    symbol text NOT NULL, quantity numeric(28,12) NOT NULL, status text NOT NULL, at timestamptz NOT NULL,
    UNIQUE (account, client_id));
CREATE TABLE bench_fill (id bigserial PRIMARY KEY, account int NOT NULL REFERENCES bench_account,
    quantity numeric(28,12) NOT NULL, price numeric(28,12) NOT NULL, at timestamptz NOT NULL);
CREATE TABLE bench_ledger (id bigserial PRIMARY KEY, account int NOT NULL REFERENCES bench_account, what text NOT NULL,
    amount numeric(28,12) NOT NULL, at timestamptz NOT NULL);
CREATE TABLE bench_position (account int NOT NULL REFERENCES bench_account, instrument int NOT NULL,
    quantity numeric(28,12) NOT NULL, PRIMARY KEY (account, instrument));
CREATE TABLE bench_outbox (id bigserial PRIMARY KEY, payload jsonb NOT NULL, at timestamptz NOT NULL);
INSERT INTO bench_account SELECT n, 1000000 FROM generate_series(1, {accounts}) n;
"""

_SCRIPT = """
\\set account random(1, {accounts})
\\set instrument random(1, 50)
BEGIN;
SELECT cash FROM bench_account WHERE id = :account FOR NO KEY UPDATE;
INSERT INTO bench_order (account, client_id, symbol, quantity, status, at)
    VALUES (:account, gen_random_uuid(), 'ACME', 1, 'filled', now());
INSERT INTO bench_fill (account, quantity, price, at) VALUES (:account, 1, 100.02, now());
INSERT INTO bench_ledger (account, what, amount, at) VALUES (:account, 'cash', -100.02, now());
INSERT INTO bench_ledger (account, what, amount, at) VALUES (:account, 'units', 1, now());
INSERT INTO bench_position VALUES (:account, :instrument, 1)
    ON CONFLICT (account, instrument) DO UPDATE SET quantity = bench_position.quantity + 1;
UPDATE bench_account SET cash = cash - 100.02 WHERE id = :account;
INSERT INTO bench_outbox (payload, at) VALUES ('{{"event": "filled", "quantity": "1", "price": "100.02"}}', now());
COMMIT;
"""


def prepare(servers: Servers, *, accounts: int) -> None:
    """Make pgbench's own tables, beside the site's."""
    servers.sql(_SCHEMA.format(accounts=accounts))


def transactions_per_second(servers: Servers, *, accounts: int, clients: int, seconds: float) -> float:
    """Orders a second of pgbench with so many clients, prepared statements, in one thread each two clients."""
    script = Path(servers.folder) / "order.sql"
    script.write_text(_SCRIPT.format(accounts=accounts))
    done = subprocess.run(
        [
            servers.program("pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", str(max(1, clients // 4)),
            "-T", str(max(1, round(seconds))), "-f", script, *servers.address[:-2], "holdfast",
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return float(found[1])
