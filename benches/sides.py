"""The two sides of each comparison: how one run of candor, sqlite3 and smtp-source is made and measured.

Every run gets a folder of its own and starts from nothing; only the command named in its docstring is timed, process start
included. All servers listen on free loopback ports.
"""

import contextlib
import csv
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CANDOR = ROOT / "target" / "release" / "candor"
INCIDENT = ROOT / "templates" / "first-notice" / "incident.toml"
# A notice whose message has about as many octets as the ones that smtp-source sends.
NOTICE = ROOT / "benches" / "notice"
COLUMNS = ["ref", "email", "name", "locale", "jurisdiction", "booking"]
CONNECTIONS = 50
MESSAGE_OCTETS = 6000
SYSTEM_PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


@dataclass
class Run:
    """One timed process."""

    seconds: float
    peak_mib: float


def timed(command, folder, environment=None, stdin=None):
    """Runs a command to its end and measures it; a failure ends the benchmark with the command's own words."""
    with open(folder / "stderr", "w+b") as errors, open(folder / "stdout", "w+b") as output:
        begin = time.perf_counter()
        child = subprocess.Popen(
            [str(part) for part in command], cwd=folder, env=environment, stdin=stdin, stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            output.seek(0)
            said = (errors.read() + output.read()).decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(map(str, command))}: exit {child.returncode}\n{said}")
    return Run(seconds, usage.ru_maxrss / 1024)


def write_audience(path, rows):
    """A synthetic list with names of the sort that real lists have."""
    names = ["Anna Lee", "Miles O'Neill", "Jürgen Müller", "Nguyễn Thị Mai", "José García", "王小明", "عمر", "Lee, Kim", "X"]
    domains = ["example.com", "example.org", "example.net", "mail.example.com"]
    places = ["US-CA", "US-NY", "US-GA", "US-TX"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(rows):
            writer.writerow([
                f"C-{number:07}",
                f"customer{number:07}@{domains[number % len(domains)]}",
                names[number % len(names)],
                "en",
                places[number % len(places)],
                f"BK{number * 7919 % 10_000_000:07}",
            ])


def sqlite_import(folder, audience, with_key):
    """Times `sqlite3 DATABASE ".import …"`: process start, parsing, one transaction, the sync at its end."""
    database = folder / "reference.db"
    columns = ", ".join(f"{name} TEXT" + (" PRIMARY KEY" if with_key and name == "ref" else "") for name in COLUMNS)
    subprocess.run(["sqlite3", database, f"CREATE TABLE audience({columns})"], check=True)
    run = timed(["sqlite3", database, ".mode csv", f".import --skip 1 {audience} audience"], folder)
    count = subprocess.run(
        ["sqlite3", database, "SELECT count(*) FROM audience"], check=True, capture_output=True, text=True
    )
    with open(audience, "rb") as file:
        rows = sum(1 for _ in file) - 1
    if int(count.stdout) != rows:
        raise SystemExit(f"sqlite3 took {count.stdout.strip()} of {rows} rows")
    return run


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def sink():
    """An smtp-sink that throws everything away; yields its port."""
    program = shutil.which("smtp-sink", path=SYSTEM_PATH)
    for _ in range(5):
        port = free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        child = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "1024"], stdout=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 20
            while child.poll() is None and time.monotonic() < end:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            if child.poll() is None:
                yield port
                return
        finally:
            child.kill()
            child.wait()
    raise SystemExit("smtp-sink does not start")


def source_send(folder, messages, keep_connection):
    """Times `smtp-source` sending to a sink, with one connection a message or one a session."""
    program = shutil.which("smtp-source", path=SYSTEM_PATH)
    with sink() as port:
        return timed(
            [
                program, *(["-d"] if keep_connection else []), "-s", CONNECTIONS, "-m", messages, "-l", MESSAGE_OCTETS,
                "-f", "bounces@example.com", "-t", "customer@example.org", f"127.0.0.1:{port}",
            ],
            folder,
        )


def sandbox(folder, relay_port):
    """A folder with a configuration for one relay on loopback; returns the environment to run candor in."""
    (folder / "candor.toml").write_text(
        f"""database = "sqlite:candor.db"

[organization]
name = "Delta Air Lines"
from = "Customer Care <care@example.com>"
reply_to = "care@example.com"
return_path = "bounces@example.com"
postal_address = "1 Example Way, Atlanta, GA 30320, USA"
time_zone = "America/New_York"

[relays.main]
url = "smtp://127.0.0.1:{relay_port}"
connections = {CONNECTIONS}
rate = "unlimited"

[delivery]
rate = "unlimited"
""",
        encoding="utf-8",
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CANDOR_")}
    return environment | {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "NO_COLOR": "1"}


def create(folder, environment):
    """A campaign from the sample incident and notice, without people yet."""
    timed([CANDOR, "campaign", "create", "bench", "--incident", INCIDENT, "--notice", NOTICE], folder, environment)


def candor_import(folder, audience):
    """Times `candor campaign import`: process start, validation, duplicates, batches, ledger entries and their syncs."""
    environment = sandbox(folder, 1)
    create(folder, environment)
    return timed([CANDOR, "campaign", "import", "bench", audience, "--quiet"], folder, environment)


def candor_send(folder, audience, messages):
    """Times `candor send` of a checked and approved campaign: claims, rendering, sending, outcomes, ledger."""
    with sink() as port:
        environment = sandbox(folder, port)
        create(folder, environment)
        for step in (["import", "bench", audience], ["check", "bench"], ["submit", "bench"], ["approve", "bench"]):
            timed([CANDOR, "campaign", *step, "--quiet"], folder, environment)
        run = timed([CANDOR, "send", "bench", "--now", "--expect", messages, "--quiet"], folder, environment)
        timed([CANDOR, "campaign", "status", "bench", "--json"], folder, environment)
    return run, (folder / "stdout").read_text(encoding="utf-8")
