#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""reconcile.py ALERTS.jsonl [CAUSE...]: does the summary add up, and does it name these causes of loss, and only then any?

What calls moved, as the kernel counted it, is what was sent up, matched, copied, skipped or lost; and what was sent up has been
examined, or is told of as lost. With "any" for a cause, any may be there. "clean": none is.
"""

import json
import sys

OF_CALLS = ("ring-window", "fault", "fd-gone", "map-stream", "iov", "helper")


def main():
    path, *causes = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        summary = [line for line in map(json.loads, file) if line["schema"] == "beartrap.summary/1"][-1]
    seen = {name: counter["bytes"] for name, counter in summary["seen"].items()}
    lost = {loss["cause"]: loss for loss in summary["lost"]}
    totals, balance = summary["totals"], summary["balance"]

    moved = seen["calls"]
    gone = sum(lost[cause]["bytes"] for cause in OF_CALLS if cause in lost)
    parts = seen["sent_bulk"] + seen["sent_window"] + seen["matched"] + seen["copied"] + seen["skipped"] + gone
    assert parts == moved, f"{moved} bytes moved, {parts} accounted for"
    assert balance["adds_up"] and balance["moved"] == moved and balance["lost"] == gone, balance
    sent = seen["sent_bulk"] + seen["sent_window"]
    examined = totals["bytes_examined"] + totals["bytes_not_sinks"] + totals["bytes_encrypted"] + totals["bytes_unscanned"]
    told = totals["bytes_missing"] + sum(lost[cause]["bytes"] for cause in ("restart", "unread") if cause in lost)
    assert examined + told >= sent, f"{sent} bytes sent up, {examined} examined, {told} told of as lost"

    assert summary["complete"] == (not lost), lost
    if causes == ["clean"]:
        assert not lost, lost
    elif causes != ["any"]:
        assert lost and set(causes) <= set(lost), f"{causes} not among {lost}"
    print(f"{moved} moved = {sent} sent up + {seen['matched']} matched + {seen['copied']} copied + {seen['skipped']} skipped"
          f" + {gone} lost;", "; ".join(f"{cause} {loss['events']}/{loss['bytes']}" for cause, loss in lost.items()) or "complete")


if __name__ == "__main__":
    main()
