"""A private cluster for one run: made, crashed, restarted and removed by it."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

DATABASE = "shop"

# fsync stays on: a crash must find on disk what was acknowledged.
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{socket}'
fsync = on
synchronous_commit = on
max_connections = 100
max_prepared_transactions = 40
max_worker_processes = 16
autovacuum_naptime = '5s'
deadlock_timeout = '500ms'
timezone = 'UTC'
log_min_messages = warning
log_line_prefix = '%m [%p] %a '
{preload}
"""
PRELOAD = "shared_preload_libraries = 'analytics'\nanalytics.refresh_interval = '50ms'\n"


class Cluster:
    """epoch counts crashes: whoever lost a connection that was opened in an earlier epoch lost it to one."""

    def __init__(self, scratch: Path, preload: bool):
        self.data = scratch / "data"
        self.log = scratch / "server.log"
        self.preload = preload
        self.socket = tempfile.mkdtemp(prefix="torture.")  # a socket's path must be short
        self.epoch = 0

    def start(self):
        subprocess.run(["initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                        "-D", self.data], check=True, stdout=subprocess.DEVNULL)
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(SETTINGS.format(socket=self.socket, preload=PRELOAD if self.preload else ""))
        self.launch()
        with self.connect("start", dbname="postgres") as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")

    def launch(self):
        done = subprocess.run(["pg_ctl", "start", "-s", "-w", "-t", "120", "-D", self.data, "-l", self.log],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError("the server does not start:\n" + self.log.read_text()[-3000:])

    def connect(self, name: str, **options) -> psycopg.Connection:
        options = {"dbname": DATABASE} | options
        return psycopg.connect(host=self.socket, user="postgres", application_name=name, autocommit=True, **options)

    def kill_backend(self, pid: int):
        """kill -9 of one process: the postmaster ends all others and recovers."""
        self.epoch += 1
        os.kill(pid, signal.SIGKILL)

    def crash(self):
        self.epoch += 1
        subprocess.run(["pg_ctl", "stop", "-s", "-w", "-m", "immediate", "-D", self.data], check=True)
        self.launch()

    def stop(self):
        if (self.data / "postmaster.pid").exists():
            subprocess.run(["pg_ctl", "stop", "-s", "-w", "-m", "fast", "-D", self.data], check=False)
        shutil.rmtree(self.socket, ignore_errors=True)

    def remove(self):
        shutil.rmtree(self.data, ignore_errors=True)
