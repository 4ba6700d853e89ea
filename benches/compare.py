"""Runs both sides in turn (A B C, A B C, …), prints medians and ratios, and writes them to benches/README.md."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import sides

README = sides.ROOT / "benches" / "README.md"
BEGIN, END = "<!-- result: written by benches/run -->", "<!-- end of result -->"


def in_turn(rounds, contestants):
    """Runs every contestant once per round, each in an empty folder; returns the runs by name."""
    runs = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contestant in contestants.items():
            with tempfile.TemporaryDirectory(prefix="candor-bench-") as folder:
                run = contestant(Path(folder))
            runs[name].append(run)
            print(f"  round {number + 1}: {name}: {run.seconds:.2f} s, {run.peak_mib:.0f} MiB", flush=True)
    return runs


def medians(runs):
    """Median seconds and the highest peak of each contestant."""
    return {
        name: sides.Run(statistics.median(run.seconds for run in each), max(run.peak_mib for run in each))
        for name, each in runs.items()
    }


def spread(each):
    """Fastest and slowest run, in seconds."""
    return f"{min(run.seconds for run in each):.2f}–{max(run.seconds for run in each):.2f}"


def table(title, unit, amount, runs, reference):
    """A Markdown table; the ratio is speed beside the reference's, above 1 is faster."""
    middle = medians(runs)
    base = middle[reference].seconds
    lines = [
        f"**{title}**",
        "",
        f"| | seconds (median) | fastest–slowest | {unit}/s | speed beside the reference | peak MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, run in middle.items():
        mark = " (reference)" if name == reference else ""
        lines.append(
            f"| {name}{mark} | {run.seconds:.2f} | {spread(runs[name])} | {amount / run.seconds:,.0f} "
            f"| {base / run.seconds:.2f} | {run.peak_mib:.0f} |"
        )
    return "\n".join(lines)


def imports(rounds, rows, audience, ours):
    contestants = {}
    if ours:
        contestants["candor campaign import"] = lambda folder: sides.candor_import(folder, audience)
    contestants["sqlite3 .import, primary key"] = lambda folder: sides.sqlite_import(folder, audience, True)
    contestants["sqlite3 .import, no key"] = lambda folder: sides.sqlite_import(folder, audience, False)
    runs = in_turn(rounds, contestants)
    return table(f"Import of {rows:,} rows", "rows", rows, runs, "sqlite3 .import, primary key")


def sends(rounds, messages, audience, ours):
    def candor(folder):
        run, status = sides.candor_send(folder, audience, messages)
        accepted = json.loads(status)["recipients"]["accepted"]
        if accepted != messages:
            raise SystemExit(f"candor handed over {accepted} of {messages} messages")
        return run

    contestants = {"candor send": candor} if ours else {}
    contestants["smtp-source -d"] = lambda folder: sides.source_send(folder, messages, True)
    contestants["smtp-source"] = lambda folder: sides.source_send(folder, messages, False)
    runs = in_turn(rounds, contestants)
    middle = medians(runs)
    faster = min(("smtp-source -d", "smtp-source"), key=lambda name: middle[name].seconds)
    title = f"Sending {messages:,} messages to smtp-sink on loopback, {sides.CONNECTIONS} connections"
    return table(title, "messages", messages, runs, faster)


def said(*command):
    """First line that a program says of itself; empty where it is missing."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, cwd=sides.ROOT, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return result.stdout.strip().split("\n")[0]


def machine(load):
    """Where and on what it was measured, and what else ran."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    postfix = said("/usr/sbin/postconf", "-d", "-h", "mail_version")
    sqlite = said("sqlite3", "--version").split(" ")[0]
    return (
        f"{datetime.now(timezone.utc):%Y-%m-%d}, commit {said('git', 'rev-parse', '--short', 'HEAD') or '?'}; {cpu}, "
        f"{os.cpu_count()} cores, Linux {platform.release()}; load before the start {load:.1f}; "
        f"Postfix {postfix}, SQLite shell {sqlite}."
    )


def keep(block):
    """Puts the result between its marks in the README."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    README.write_text(f"{before}{BEGIN}\n\n{block}\n\n{END}{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="bash benches/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the amounts, one round, nothing written")
    parser.add_argument("--reference", action="store_true", help="sqlite3 and smtp-source only, nothing written")
    options = parser.parse_args()
    rows, messages, rounds = (10_000, 1_000, 1) if options.quick else (1_000_000, 100_000, 3)

    load = os.getloadavg()[0]
    if load > 0.5 and not options.quick:
        print(f"the machine is busy (load {load:.1f}): the figures will be too low, on both sides")
    with tempfile.TemporaryDirectory(prefix="candor-bench-") as folder:
        large, small = Path(folder) / "import.csv", Path(folder) / "send.csv"
        sides.write_audience(large, rows)
        sides.write_audience(small, messages)
        ours = not options.reference
        block = "\n\n".join([
            machine(load), imports(rounds, rows, large, ours), sends(rounds, messages, small, ours),
        ])
    print(f"\n{block}")
    if ours and not options.quick:
        keep(block)


if __name__ == "__main__":
    main()
