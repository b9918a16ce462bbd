"""Starts a real Redis, PostgreSQL and gunicorn for the tests, each on its own port."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
AURORA_SIDE = HERE.parent.parent / "aurora"
STUB = HERE / "stub"
# Long enough for a machine under load.
PATIENCE_SECONDS = 60

# Aurora's tables and row-level security (server/utils/db/db_utils.py). The tables have only the columns that the
# receiver and findings.py use.
SCHEMA = """
CREATE TABLE users (id VARCHAR(255) PRIMARY KEY, org_id VARCHAR(255));
CREATE TABLE pagerduty_events (id SERIAL PRIMARY KEY, user_id VARCHAR(255) NOT NULL, org_id VARCHAR(255),
  event_type VARCHAR(100), incident_id VARCHAR(255), payload JSONB NOT NULL);
CREATE TABLE incidents (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), user_id VARCHAR(255) NOT NULL,
  org_id VARCHAR(255), source_type VARCHAR(20) NOT NULL, status VARCHAR(20) NOT NULL, aurora_status VARCHAR(20),
  aurora_summary TEXT, analyzed_at TIMESTAMP, alert_metadata JSONB);
INSERT INTO users VALUES ('ann', 'acme'), ('bob', 'acme'), ('eve', 'evil'), ('tom', NULL);
ALTER TABLE pagerduty_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE pagerduty_events FORCE ROW LEVEL SECURITY;
ALTER TABLE incidents ENABLE ROW LEVEL SECURITY;
ALTER TABLE incidents FORCE ROW LEVEL SECURITY;
CREATE POLICY by_org ON pagerduty_events USING (org_id = current_setting('myapp.current_org_id', true));
CREATE POLICY by_org ON incidents USING (org_id = current_setting('myapp.current_org_id', true));
"""


def postgres_programs() -> str:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return str(folders[-1]) if folders else (os.path.dirname(found) if found else "")


def missing() -> list[str]:
    """Returns the names of the programs and packages that these tests need and this machine lacks."""
    modules = [name for name in ("flask", "redis", "psycopg2", "gunicorn") if not importlib.util.find_spec(name)]
    programs = [] if shutil.which("redis-server") else ["redis-server"]
    return modules + programs + ([] if postgres_programs() else ["postgresql"])


def need_everything() -> None:
    if missing():
        raise unittest.SkipTest(f"not installed: {', '.join(missing())}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(condition, what: str):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")


@contextmanager
def stopped(service):
    service.stop()
    try:
        yield
    finally:
        service.start()


def redis_client():
    import redis

    return redis.Redis.from_url(os.environ["REDIS_URL"])


class Gate:
    """Blocks the stub's task for one event. The test and the receiver are two processes, so files connect them."""

    def __init__(self, event_id: str):
        self.reached = Path(os.environ["STUB_GATES"], f"{event_id}.reached")
        self.released = Path(os.environ["STUB_GATES"], f"{event_id}.released")

    def hold(self):
        self.reached.touch()
        until(self.released.exists, f"{self.released.name}")

    def wait_until_reached(self):
        until(self.reached.exists, f"{self.reached.name}")

    def release(self):
        self.released.touch()


class Redis:
    def __init__(self):
        self.port = free_port()
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self.answers, "Redis answers")

    def answers(self) -> bool:
        import redis

        try:
            return redis_client().ping()
        except redis.RedisError:
            return False

    def stop(self):
        self.process.kill()
        self.process.wait()


class Postgres:
    """PostgreSQL refuses to run as root, so root runs it as the system's user `postgres`."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="aurora-side-"))
        self.port = free_port()
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self.as_user:
            shutil.chown(self.folder, "postgres")
        self.run("initdb", "-D", f"{self.folder}/data", "-A", "trust", "-U", "root", "--no-sync", "-E", "UTF8")
        self.start()
        self.execute("root", "CREATE ROLE aurora LOGIN")
        self.execute("root", "GRANT CREATE ON SCHEMA public TO aurora")
        os.environ["STUB_DATABASE"] = self.address("aurora")
        self.execute("aurora", SCHEMA)

    def run(self, program: str, *arguments: str):
        command = [*self.as_user, f"{postgres_programs()}/{program}", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "-o", options, "start")

    def stop(self):
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "-w", "stop")

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)

    def address(self, user: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={user} dbname=postgres"

    def execute(self, user: str, statement: str, values: tuple = ()) -> list[tuple]:
        import psycopg2

        connection = psycopg2.connect(self.address(user))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows


class Receiver:
    """Runs the receiver under gunicorn, as docker-compose.edge.yaml does, but with locks that expire after 3 s."""

    def __init__(self, secrets: str):
        self.port = free_port()
        self.secrets = secrets
        self.log = tempfile.TemporaryFile(mode="w+")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "quick_receiver:app", "--bind", f"127.0.0.1:{self.port}"]
            + ["--worker-class", "gthread", "--workers", "1", "--threads", "8", "--timeout", "300"],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, (STUB, HERE, AURORA_SIDE))),
                "PYTHONDONTWRITEBYTECODE": "1",
                "AURORA_EVENTS_SECRET": self.secrets,
            },
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        until(self.answers, "the receiver answers")

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/edge/health", timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    def kill(self):
        """Kills gunicorn and its worker immediately, as if the machine had lost power."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def lines(self) -> str:
        self.log.seek(0)
        return self.log.read()
