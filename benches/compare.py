"""Runs both sides in turn (A B C, A B C, …), prints medians and ratios, and writes them to benches/README.md."""

import argparse
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


def sending(rounds, messages, audience, ours):
    """Beside smtp-source, unsigned and signed."""
    def candor(*dkim):
        def run(folder):
            with sides.sink() as port:
                return sides.candor_send(folder, audience, messages, port, sides.Setup(dkim=dkim))
        return run

    contestants = {}
    if ours:
        contestants = {"candor send": candor(), "candor send, ed25519": candor("ed25519"),
                       "candor send, RSA-2048": candor("rsa")}
    contestants["smtp-source -d"] = lambda folder: sides.source_send(folder, messages, True)
    contestants["smtp-source"] = lambda folder: sides.source_send(folder, messages, False)
    with sides.network():
        runs = in_turn(rounds, contestants)
    title = f"Sending {messages:,} messages to smtp-sink, {sides.CONNECTIONS} connections, loopback at MTU 1500"
    block = table(title, "messages", messages, runs, "smtp-source -d")
    return f"{block}\n\n{parts(runs)}" if ours else block


def far_away(rounds, messages, audience, ours):
    """The same through a round trip of 20 ms."""
    def candor(folder):
        with sides.sink() as port:
            return sides.candor_send(folder, audience, messages, port)

    contestants = {"candor send": candor} if ours else {}
    contestants["smtp-source -d"] = lambda folder: sides.source_send(folder, messages, True)
    with sides.network(delay_ms=10):
        runs = in_turn(rounds, contestants)
    return table(f"Sending {messages:,} messages through a round trip of 20 ms", "messages", messages, runs, "smtp-source -d")


def beside_itself(rounds, messages, audience):
    """What TLS and refusals cost: each beside the same server without."""
    def candor(*options, accepted=None, **setup):
        def run(folder):
            with sides.own_sink(*options) as (port, _):
                return sides.candor_send(folder, audience, messages, port, sides.Setup(**setup), accepted)
        return run

    def tls(folder):
        chain, key = sides.certificate(folder)
        return candor("--tls", chain, key, url="smtps://localhost:{port}", ca_file=str(chain))(folder)

    contestants = {
        "in plaintext": candor(),
        "TLS 1.3": tls,
        "half of all recipients refused": candor("--half", accepted=messages // 2, failure_share="1.0"),
    }
    with sides.network():
        runs = in_turn(rounds, contestants)
    return table(f"candor send of {messages:,} recipients to the benchmark's own server", "recipients", messages, runs,
                 "in plaintext")


def a_million(messages, audience):
    """Peak memory, and the time to the first message."""
    with sides.network(), tempfile.TemporaryDirectory(prefix="candor-bench-") as folder:
        first, whole = Path(folder) / "first", Path(folder) / "whole"
        first.mkdir(), whole.mkdir()
        seconds = sides.first_message(first, audience, messages)
        with sides.sink() as port:
            run = sides.candor_send(whole, audience, messages, port)
    return (
        f"**{messages:,} recipients**\n\nPeak memory of `candor send`: {run.peak_mib:.0f} MiB, at "
        f"{messages / run.seconds:,.0f} messages/s. From `schedule --now`, process start included, to the first body at the "
        f"server: {seconds:.2f} s."
    )


def parts(runs):
    """Where the time of one message goes, by candor's own log: the median over the rounds."""
    names = ["render", "compare", "compose", "sign", "send", "record"]
    lines = ["| microseconds a message | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for contestant, each in runs.items():
        told = [run.parts for run in each if run.parts]
        if told:
            middle = (f"{statistics.median(run[name] for run in told):.1f}" for name in names)
            lines.append(f"| {contestant} | " + " | ".join(middle) + " |")
    return "\n".join(lines)


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
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs; the median counts")
    parser.add_argument("--reference", action="store_true", help="sqlite3 and smtp-source only, nothing written")
    options = parser.parse_args()
    rows, messages, far, rounds = (10_000, 1_000, 500, 1) if options.quick else (1_000_000, 100_000, 20_000, options.rounds)

    load = os.getloadavg()[0]
    if load > 0.5 and not options.quick:
        print(f"the machine is busy (load {load:.1f}): the figures will be too low, on both sides")
    with tempfile.TemporaryDirectory(prefix="candor-bench-") as folder:
        lists = {count: Path(folder) / f"{count}.csv" for count in {rows, messages, far}}
        for count, path in lists.items():
            sides.write_audience(path, count)
        ours = not options.reference
        blocks = [machine(load), imports(rounds, rows, lists[rows], ours), sending(rounds, messages, lists[messages], ours)]
        if sides.has_netem():
            blocks.append(far_away(rounds, far, lists[far], ours))
        else:
            blocks.append("Not measured: a round trip of 20 ms, for this kernel has no netem.")
        if ours:
            blocks += [beside_itself(rounds, messages, lists[messages]), a_million(rows, lists[rows])]
        block = "\n\n".join(blocks)
    print(f"\n{block}")
    if ours and not options.quick:
        keep(block)


if __name__ == "__main__":
    main()
