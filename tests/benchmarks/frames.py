"""How long a table of payments takes, and how much memory: ours beside others.

``python tests/benchmarks/frames.py [--sizes 1000,10000,100000,1000000] [--repeat 3]``

Payments are made from a seed, in the shape that the bank sends, as the bodies of pages of 200. Each
case runs in a process of its own, from the bytes (or the parsed items) to a table with the same
dtypes; memory is the peak above what the process held before. Peers stop at 100,000.

``--hops`` measures one warm page instead: how often a call goes from one module of the pipeline to
another, and the least milliseconds of 200 runs, from bytes and from items.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd

PAGE = 200
PEERS_UP_TO = 100_000
AMOUNTS = ("amount", "balance_after_mutation")
PIPELINE = ("columns", "dtypes", "frames", "money", "schemas")
RUNS = 200
START = datetime(2020, 1, 1, tzinfo=UTC)


def make_pages(count: int, seed: int = 1) -> list[bytes]:
    """Return the bodies of pages with so many payments, newest first."""
    luck = random.Random(seed)
    owner = label(luck)
    parties = [label(luck) for _ in range(40)]
    pages = []
    for first in range(0, count, PAGE):
        payments = [
            {"Payment": payment(luck, count - at, owner, luck.choice(parties))}
            for at in range(first, min(first + PAGE, count))
        ]
        older = f"/v1/user/1/monetary-account/2/payment?older_id={count - first}"
        pagination = {"future_url": None, "newer_url": None, "older_url": older}
        page = {"Response": payments, "Pagination": pagination}
        pages.append(json.dumps(page, separators=(",", ":")).encode())
    return pages


def label(luck: random.Random) -> dict[str, Any]:
    """Return somebody's label, as it stands beside a payment."""
    return {
        "iban": f"NL{luck.randrange(10, 99)}BUNQ{luck.randrange(10**9):010d}",
        "is_light": False,
        "display_name": f"Holder {luck.randrange(10**6)}",
        "avatar": avatar(luck),
        "label_user": {
            "uuid": uuid(luck),
            "display_name": f"Holder {luck.randrange(10**6)}",
            "country": "NL",
            "avatar": avatar(luck),
            "public_nick_name": "Holder",
        },
        "country": "NL",
    }


def avatar(luck: random.Random) -> dict[str, Any]:
    """Return an avatar with its list of images."""
    image = {
        "attachment_public_uuid": uuid(luck),
        "height": 640,
        "width": 640,
        "content_type": "image/png",
    }
    return {"uuid": uuid(luck), "image": [image], "anchor_uuid": None}


def uuid(luck: random.Random) -> str:
    """Return an identifier."""
    text = f"{luck.getrandbits(128):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def payment(
    luck: random.Random, number: int, owner: dict[str, Any], party: dict[str, Any]
) -> dict[str, Any]:
    """Return a payment."""
    created = START + timedelta(seconds=97 * number, microseconds=luck.randrange(10**6))
    text = created.strftime("%Y-%m-%d %H:%M:%S.%f")
    return {
        "id": 1_000_000 + number,
        "created": text,
        "updated": text,
        "monetary_account_id": 2,
        "amount": {"currency": "EUR", "value": f"{luck.randrange(-99_999, 99_999) / 100:.2f}"},
        "description": f"Purchase {luck.randrange(10**8)} at the corner",
        "type": luck.choice(("BUNQ", "IDEAL", "MASTERCARD", "EBA_SCT")),
        "merchant_reference": None,
        "alias": owner,
        "counterparty_alias": party,
        "attachment": [],
        "geolocation": None,
        "batch_id": number if number % 9 == 0 else None,
        "scheduled_id": None,
        "address_billing": None,
        "address_shipping": None,
        "sub_type": "PAYMENT",
        "payment_arrival_expected": {"status": "ARRIVED", "time": None},
        "request_reference_split_the_bill": [],
        "balance_after_mutation": {
            "currency": "EUR",
            "value": f"{luck.randrange(10**6) / 100:.2f}",
        },
        "payment_auto_allocate_instance": None,
        "payment_suspended_outgoing": None,
    }


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert what json_normalize leaves as text or float, to the dtypes that we give."""
    for name in ("created", "updated"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    for name in AMOUNTS:
        frame[f"{name}.value"] = pd.to_numeric(frame[f"{name}.value"])
    for name in ("batch_id", "scheduled_id"):
        frame[name] = frame[name].astype("Int64")
    for name in ("alias.is_light", "counterparty_alias.is_light"):
        frame[name] = frame[name].astype("boolean")
    return frame


def items_of(pages: list[bytes]) -> list[dict[str, Any]]:
    """Parse pages into the wrapped items."""
    return [entry for page in pages for entry in json.loads(page)["Response"]]


def ours(pages: list[bytes]) -> Any:
    """Bytes by bunqkit."""
    from bunqkit.frames.paging import frame_of_pages

    return frame_of_pages(pages, operation="payment.list", progress=False)


def json_normalize(pages: list[bytes]) -> Any:
    """Bytes by json.loads of all pages and one json_normalize."""
    return typed(pd.json_normalize([entry["Payment"] for entry in items_of(pages)]))


def json_normalize_by_page(pages: list[bytes]) -> Any:
    """Bytes by json.loads and json_normalize, page by page."""
    parts = [
        pd.json_normalize([entry["Payment"] for entry in json.loads(page)["Response"]])
        for page in pages
    ]
    return typed(pd.concat(parts, ignore_index=True))


def polars(pages: list[bytes]) -> Any:
    """Bytes by polars."""
    import polars as pl

    lines = pl.read_ndjson(b"\n".join(pages), infer_schema_length=None)
    frame = lines.select(pl.col("Response").explode()).unnest("Response").unnest("Payment")
    while structs := {
        name: kind for name, kind in frame.schema.items() if isinstance(kind, pl.Struct)
    }:
        for name, kind in structs.items():
            fields = [f"{name}.{field.name}" for field in kind.fields]
            frame = frame.with_columns(pl.col(name).struct.rename_fields(fields)).unnest(name)
    times = [pl.col(name).str.to_datetime(time_zone="UTC") for name in ("created", "updated")]
    sums = [pl.col(f"{name}.value").cast(pl.Float64) for name in AMOUNTS]
    return frame.with_columns(*times, *sums).to_pandas(use_pyarrow_extension_array=True)


def duckdb(pages: list[bytes]) -> Any:
    """Bytes by duckdb."""
    import tempfile

    import duckdb as db

    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(b"\n".join(pages))
        file.flush()
        # It reads objects of 16 MB at most, unless it is told how large they are.
        relation = db.sql(
            "SELECT unnest(entry.Payment, recursive := true) FROM (SELECT unnest(Response) AS entry"
            f" FROM read_json('{file.name}', format='newline_delimited', sample_size=-1))"
        )
        assert relation is not None
        table = relation.to_arrow_table()
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def ours_from_items(items: list[dict[str, Any]]) -> Any:
    """Items by bunqkit."""
    from bunqkit import to_frame

    return to_frame(items)


def json_normalize_from_items(items: list[dict[str, Any]]) -> Any:
    """Items by json_normalize."""
    return typed(pd.json_normalize([entry["Payment"] for entry in items]))


FROM_BYTES: tuple[Callable[[list[bytes]], Any], ...] = (
    ours,
    json_normalize,
    json_normalize_by_page,
    polars,
    duckdb,
)
FROM_ITEMS: tuple[Callable[[list[dict[str, Any]]], Any], ...] = (
    ours_from_items,
    json_normalize_from_items,
)
CASES: dict[str, Callable[[Any], Any]] = {
    case.__name__: case for case in (*FROM_BYTES, *FROM_ITEMS)
}


def run_case(name: str, size: int) -> None:
    """Run one case in this process; print seconds and peak bytes."""
    case = CASES[name]
    pages = make_pages(size)
    warm: Any = make_pages(10)
    source: Any = items_of(pages) if case in FROM_ITEMS else pages
    case(items_of(warm) if case in FROM_ITEMS else warm)
    gc.collect()
    reset_peak()
    before = peak()
    start = time.perf_counter()
    frame = case(source)
    seconds = time.perf_counter() - start
    if len(frame) != size:
        raise SystemExit(f"{name} made {len(frame)} rows of {size}")
    say(json.dumps([seconds, peak() - before]))


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def reset_peak() -> None:
    """Forget the peak so far, where the system can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak() -> int:
    """Return the peak of resident memory in bytes."""
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(name: str, size: int, repeat: int) -> tuple[float, float]:
    """Return the least seconds and peak MB over some fresh processes: others only add to them."""
    command = [sys.executable, __file__, "--case", name, "--sizes", str(size)]
    results = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(repeat)
    ]
    seconds, memory = (min(column) for column in zip(*results, strict=True))
    return seconds, memory / 1e6


def count_hops(case: Callable[[], Any]) -> int:
    """Return how many calls of a run go from one module of the pipeline to another."""
    modules = {f"bunqkit.frames.{name}" for name in PIPELINE}
    pairs = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_back is not None:
            pairs.append((frame.f_back.f_globals["__name__"], frame.f_globals["__name__"]))

    case()
    sys.setprofile(watch)
    try:
        case()
    finally:
        sys.setprofile(None)
    return sum(one != other and {one, other} <= modules for one, other in pairs)


def measure_page() -> None:
    """Print hops and time of one warm page, from bytes and from items."""
    pages = make_pages(PAGE)
    items = items_of(pages)
    for name, case in (
        ("bytes", lambda: ours(pages)),
        ("items", lambda: ours_from_items(items)),
    ):
        hops = count_hops(case)
        least = min(timeit.repeat(case, number=1, repeat=RUNS))
        say(f"page of {PAGE} from {name}: {hops} hops, {1000 * least:.1f} ms")


def main() -> None:
    """Measure all cases and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--hops", action="store_true")
    options = parser.parse_args()
    if options.hops:
        measure_page()
        return
    sizes = [int(size) for size in options.sizes.split(",")]
    if options.case:
        run_case(options.case, sizes[0])
        return
    results: dict[tuple[str, int], tuple[float, float]] = {}
    say(f"{'case':<28}{'rows':>10}{'s':>9}{'us/row':>9}{'MB':>8}{'time':>9}{'memory':>9}")
    for size in sizes:
        for name, case in CASES.items():
            if size > PEERS_UP_TO and case is not ours:
                continue
            seconds, memory = results[name, size] = measure(name, size, options.repeat)
            base = results["ours_from_items" if case in FROM_ITEMS else "ours", size]
            ratios = f"{seconds / base[0]:>8.2f}x{memory / base[1]:>8.2f}x"
            row = f"{seconds:>9.3f}{seconds / size * 1e6:>9.2f}{memory:>8.0f}{ratios}"
            say(f"{name:<28}{size:>10,}{row}")
    size = max(size for size in sizes if size <= PEERS_UP_TO)
    (time_1, memory_1), (time_2, memory_2) = results["ours", size], results["json_normalize", size]
    from_items = results["json_normalize_from_items", size][0] / results["ours_from_items", size][0]
    costs = [results["ours", rows][0] / rows for rows in sizes if rows >= min(10_000, size)]
    say(
        f"frames: bytes {time_2 / time_1:.1f}x time, {memory_1 / memory_2:.2f}x memory; "
        f"items {from_items:.1f}x; flat {max(costs) / min(costs):.2f}"
    )


if __name__ == "__main__":
    main()
