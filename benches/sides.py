"""The two sides of each comparison: how one run of candor, sqlite3 and smtp-source is made and measured.

Every run gets a folder of its own and starts from nothing; only the command named in its docstring is timed, process start
included. Sending goes over the loopback of a network namespace of its own, at Ethernet's MTU; without root, over the
machine's loopback.
"""

import contextlib
import csv
import json
import os
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CANDOR = ROOT / "target" / "release" / "candor"
SINK = ROOT / "target" / "sink" / "release" / "candor-bench-sink"
INCIDENT = ROOT / "templates" / "first-notice" / "incident.toml"
# A notice whose message has about as many octets as the ones that smtp-source sends.
NOTICE = ROOT / "benches" / "notice"
COLUMNS = ["ref", "email", "name", "locale", "jurisdiction", "booking"]
CONNECTIONS = 50
MESSAGE_OCTETS = 6000
SYSTEM_PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


@dataclass
class Run:
    """One timed process; `parts` is what candor's log says of one message, in microseconds."""

    seconds: float
    peak_mib: float
    parts: dict | None = None


@dataclass
class Setup:
    """What one run of candor is configured with, beside the relay."""

    dkim: tuple = ()
    rate: str = "unlimited"
    failure_share: str = "0.10"
    url: str = "smtp://127.0.0.1:{port}"
    ca_file: str = ""


# The namespace that sending runs in; set by `network`.
_namespace = []


@contextlib.contextmanager
def network(delay_ms=0):
    """A network namespace whose loopback has an MTU of 1500, and a delay each way; nothing changes without root."""
    if os.geteuid() != 0 or not shutil.which("ip", path=SYSTEM_PATH):
        if delay_ms:
            raise SystemExit("a delay needs root and iproute2")
        yield
        return
    name = f"candor-bench-{os.getpid()}"
    run = lambda *words: subprocess.run(words, check=True, env={**os.environ, "PATH": SYSTEM_PATH})
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "mtu", "1500", "up")
        if delay_ms:
            # Needs the kernel's netem; `has_netem` asks for it.
            run("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay",
                f"{delay_ms}ms", "limit", "100000")
        _namespace[:] = [shutil.which("ip", path=SYSTEM_PATH), "netns", "exec", name]
        yield
    finally:
        _namespace.clear()
        run("ip", "netns", "del", name)


def has_netem():
    """Whether this kernel can delay packets, and this user may ask it to."""
    if os.geteuid() != 0:
        return False
    try:
        with network(delay_ms=1):
            return True
    except (subprocess.CalledProcessError, SystemExit):
        return False


def within(command):
    """The command, in the namespace where there is one. `ip` replaces itself by it."""
    return [*_namespace, *(str(part) for part in command)]


def timed(command, folder, environment=None, stdin=None):
    """Runs a command to its end and measures it; a failure ends the benchmark with the command's own words."""
    with open(folder / "stderr", "w+b") as errors, open(folder / "stdout", "w+b") as output:
        begin = time.perf_counter()
        child = subprocess.Popen(
            within(command), cwd=folder, env=environment, stdin=stdin, stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 3):
            errors.seek(0)
            output.seek(0)
            said = (errors.read() + output.read()).decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(map(str, command))}: exit {child.returncode}\n{said}")
        errors.seek(0)
        told = re.search(r"microseconds a message: ([^\n]+)", errors.read().decode(errors="replace"))
    parts = told and {name: float(us) for name, us in re.findall(r"([a-z]+) ([0-9.]+)", told[1])}
    return Run(seconds, usage.ru_maxrss / 1024, parts)


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
        command = within([program, *user, f"127.0.0.1:{port}", "1024"])
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            if listens(child, port):
                yield port
                return
        finally:
            child.kill()
            child.wait()
    raise SystemExit("smtp-sink does not start")


def listens(child, port):
    """Waits until a child listens on a port, in the namespace where there is one; false where it has ended."""
    probe = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=1)"
    end = time.monotonic() + 20
    while child.poll() is None and time.monotonic() < end:
        if subprocess.run(within(["python3", "-c", probe]), stderr=subprocess.DEVNULL).returncode == 0:
            return child.poll() is None
    return False


@contextlib.contextmanager
def own_sink(*options):
    """The benchmark's own server (benches/sink); yields its port, and where it says when the first body had come."""
    child = subprocess.Popen(within([SINK, *options]), stdout=subprocess.PIPE, text=True)
    try:
        yield int(child.stdout.readline().split()[1]), child.stdout
    finally:
        child.kill()
        child.wait()


def certificate(folder):
    """A certificate for localhost that signs itself; its file and its key's."""
    chain, key = folder / "localhost.pem", folder / "localhost.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
         "basicConstraints=critical,CA:FALSE", "-out", chain, "-keyout", key],
        check=True, capture_output=True,
    )
    return chain, key


def dkim_key(folder, kind):
    """A signing key, by openssl: `rsa` of 2048 bits, or `ed25519`."""
    path = folder / f"{kind}.pem"
    bits = ["-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa" else []
    subprocess.run(["openssl", "genpkey", "-algorithm", kind, *bits, "-out", path], check=True, capture_output=True)
    path.chmod(0o600)
    return path


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


def sandbox(folder, relay_port, setup=Setup()):
    """A folder with a configuration for one relay on loopback; returns the environment to run candor in."""
    dkim = "".join(
        f'[[delivery.dkim]]\ndomain = "example.com"\nselector = "{kind}"\nkey_file = "{dkim_key(folder, kind)}"\n'
        for kind in setup.dkim
    )
    ca_file = f'ca_file = "{setup.ca_file}"' if setup.ca_file else ""
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
url = "{setup.url.format(port=relay_port)}"
connections = {CONNECTIONS}
rate = "unlimited"
{ca_file}

[delivery]
rate = "{setup.rate}"
pause_at_failure_share = {setup.failure_share}
{dkim}""",
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


def approved(folder, audience, port, setup=Setup()):
    """A checked and approved campaign; returns the environment to run candor in."""
    environment = sandbox(folder, port, setup)
    create(folder, environment)
    for step in (["import", "bench", audience], ["check", "bench"], ["submit", "bench"], ["approve", "bench"]):
        timed([CANDOR, "campaign", *step, "--quiet"], folder, environment)
    return environment


def candor_send(folder, audience, messages, port, setup=Setup(), accepted=None):
    """Times `candor send` of a checked and approved campaign: reading, rendering, sending, outcomes, ledger."""
    environment = approved(folder, audience, port, setup)
    # 3: done, but not for everybody.
    run = timed([CANDOR, "-v", "send", "bench", "--now", "--expect", messages], folder, environment)
    timed([CANDOR, "campaign", "status", "bench", "--json"], folder, environment)
    told = json.loads((folder / "stdout").read_text(encoding="utf-8"))["recipients"]["accepted"]
    # The server refuses every other recipient of a connection, so that an odd one may be left on each.
    if abs(told - (messages if accepted is None else accepted)) > (0 if accepted is None else CONNECTIONS):
        raise SystemExit(f"candor handed over {told} of {messages} messages")
    return run


def first_message(folder, audience, messages):
    """Seconds from `schedule --now` of an approved campaign, beside a running worker, to the first body at the server."""
    with own_sink() as (port, said):
        environment = approved(folder, audience, port)
        worker = subprocess.Popen(
            within([CANDOR, "run", "--quiet"]), cwd=folder, env=environment, stderr=subprocess.DEVNULL
        )
        try:
            begin = time.time()
            timed([CANDOR, "campaign", "schedule", "bench", "--now", "--expect", messages, "--quiet"], folder, environment)
            return int(said.readline().split()[1]) / 1000 - begin
        finally:
            worker.terminate()
            worker.wait()
