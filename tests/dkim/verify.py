"""Verifies DKIM signatures by dkimpy, for tests/dkim/main.rs.

Reads one JSON object: {"records": {name: TXT record}, "messages": [base64, ...]}. Writes one JSON list: for each message the
list of its signatures' verdicts. A message whose signatures cannot be read has [false].
"""

import base64
import json
import sys

import dkim

given = json.load(sys.stdin)


def answer(name, timeout=5):
    text = given["records"].get(name.decode("ascii").rstrip("."))
    return text.encode("ascii") if text else None


def verdicts(message):
    found = []
    try:
        signatures = sum(1 for name, _ in dkim.DKIM(message).headers if name.lower() == b"dkim-signature")
        for index in range(signatures):
            found.append(bool(dkim.DKIM(message).verify(idx=index, dnsfunc=answer)))
    except (dkim.DKIMException, UnicodeError):
        found.append(False)
    return found


json.dump([verdicts(base64.b64decode(message)) for message in given["messages"]], sys.stdout)
