#!/usr/bin/python3
"""Makes tables for several parties of a session, the parameters of an aggregation over them (aggregate/1), and the result that
it must have, computed here in plain sight of all tables with Python's fractions: table-1 .. table-N, parameters.json,
expected.json. The same seed makes the same files. Example:

  sample_tables.py --folder sample --parties 3 --rows 1000 --minimum 5
"""

import argparse
import csv
import io
import json
import pathlib
import random
from dataclasses import dataclass
from fractions import Fraction

COUNTRIES = ("AT", "CH", "DE", "FR", "LI")
WEIGHTS = (10, 30, 50, 9, 0.3)  # LI is rare enough to be withheld
OTHERS = ("IT", "SM")
AGE_EDGES = (0, 18, 30, 45, 65, 120)
MOST_CENTS = 10_000_000
DIGITS = 6
COLUMNS = ("id", "country", "age", "amount", "note")


@dataclass(frozen=True)
class Row:
    country: str
    age: int
    cents: int


def make_rows(count: int, seed: str) -> list[Row]:
    source = random.Random(seed)
    return [Row(source.choices(COUNTRIES + OTHERS, WEIGHTS + (1, 0.5))[0], source.randrange(16, 100),
                min(MOST_CENTS, max(-MOST_CENTS, round(source.gauss(12_000, 40_000))))) for _ in range(count)]


def decimal(units: int, decimals: int) -> str:
    digits = f"{abs(units):0{decimals + 1}}"
    whole, rest = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    return ("-" if units < 0 else "") + whole + ("." + rest if rest else "")


def rounded(value: Fraction) -> str:
    return decimal(round(value * 10**DIGITS), DIGITS)  # halves to even


def as_csv(rows: list[Row]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows, 1):
        writer.writerow([number, row.country, row.age, decimal(row.cents, 2), 'paid, "in full"' if number % 7 == 0 else ""])
    return out.getvalue()


def as_json_lines(rows: list[Row]) -> str:
    # Amounts as text: Python would write them through floating point.
    return "".join(json.dumps({"id": number, "country": row.country, "age": row.age, "amount": decimal(row.cents, 2)}) + "\n"
                   for number, row in enumerate(rows, 1))


def make_parameters(table_format: str, most_rows: int, minimum: int | None) -> dict:
    by_country = {"name": "by_country", "by": "country", "values": list(COUNTRIES), "outside": "other",
                  "of": {"amount": ["sum", "mean", "variance"]}}
    ages = {"name": "ages", "by": "age", "edges": [str(edge) for edge in AGE_EDGES]}
    everything = {"name": "all", "of": {"age": ["mean"]}}
    parameters = {"format": table_format, "max_rows": max(most_rows, 1), "digits": DIGITS,
                  "numbers": {"amount": {"decimals": 2, "max": decimal(MOST_CENTS, 2)}}}
    if minimum is not None:
        return parameters | {"results": [by_country], "min_group_size": minimum}
    parameters["numbers"]["age"] = {"max": "150"}
    return parameters | {"results": [by_country, ages, everything]}


def amounts(rows: list[Row]) -> dict:
    count, total = len(rows), sum(row.cents for row in rows)
    mean = Fraction(total, count) if count else None
    return {"column": "amount", "sum": decimal(total, 2), "mean": rounded(mean / 100) if count else None,
            "variance": rounded(sum((row.cents - mean)**2 for row in rows) / (count - 1) / 10_000) if count > 1 else None}


def country_group(label: dict, rows: list[Row], minimum: int | None) -> dict:
    if minimum is not None and len(rows) < minimum:
        return label | {"withheld": True}
    return label | {"count": len(rows), "of": [amounts(rows)]}


def expected(tables: list[list[Row]], minimum: int | None) -> dict:
    rows = [row for table in tables for row in table]
    groups = [country_group({"group": country}, [row for row in rows if row.country == country], minimum)
              for country in COUNTRIES]
    groups.append(country_group({"other": True}, [row for row in rows if row.country not in COUNTRIES], minimum))
    results = [{"name": "by_country", "groups": groups}]
    if minimum is None:
        ages = [{"from": str(low), "below": str(high), "count": sum(low <= row.age < high for row in rows)}
                for low, high in zip(AGE_EDGES, AGE_EDGES[1:])]
        mean = rounded(Fraction(sum(row.age for row in rows), len(rows))) if rows else None
        results += [{"name": "ages", "groups": ages},
                    {"name": "all", "groups": [{"count": len(rows), "of": [{"column": "age", "mean": mean}]}]}]
    return {"protocol": "aggregate/1", "parties": len(tables), "results": results}


def write(folder: pathlib.Path, parties: int, rows: int, seed: int = 1, table_format: str = "csv",
          minimum: int | None = None) -> list[pathlib.Path]:
    """Returns the tables' files."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = [make_rows(rows, f"{seed}/{party}") for party in range(parties)]
    files = [folder / f"table-{party}" for party in range(1, parties + 1)]
    for file, table in zip(files, tables):
        file.write_text(as_csv(table) if table_format == "csv" else as_json_lines(table), newline="")
    (folder / "parameters.json").write_text(json.dumps(make_parameters(table_format, rows, minimum), indent=2) + "\n")
    (folder / "expected.json").write_text(json.dumps(expected(tables, minimum), separators=(",", ":")))
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where the files go; made where it is missing")
    parser.add_argument("--parties", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1000, help="of each party")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=("csv", "json_lines"), default="csv")
    parser.add_argument("--minimum", type=int, help="min_group_size: groups of fewer rows are withheld")
    arguments = parser.parse_args()
    for file in write(arguments.folder, arguments.parties, arguments.rows, arguments.seed, arguments.format, arguments.minimum):
        print(file)


if __name__ == "__main__":
    main()
