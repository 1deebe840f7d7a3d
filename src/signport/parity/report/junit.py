"""`--junit out.xml`: the report as test results, for CI systems that show those."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from signport.files import write_bytes
from signport.parity.report.markup import clean
from signport.parity.report.view import Row, gates_of, matrix
from signport.parity.report.words import advice, gate_words

if TYPE_CHECKING:
    from signport.parity.check import ParityReport


def write_junit(report: "ParityReport", path: str | Path) -> Path:
    """Writes the report as JUnit XML.

    Raises:
        SignportError: The file cannot be written.
    """
    path = Path(path)
    write_bytes(path, junit(report.content))
    return path


def junit(content: dict[str, Any]) -> bytes:
    """A test suite a target and runtime, a test case a gate; valid by the schema that Ant's JUnit task goes by.

    Elements, attributes and their order follow https://github.com/windyroad/JUnit-Schema, which Jenkins, GitLab and
    GitHub's reporters all read. Times are 0: gates are judged, not run.

    Args:
        content: Of `parity.json`.
    """
    root = ET.Element("testsuites")
    for number, row in enumerate(matrix(content)):
        root.append(_suite(content, row, number))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(content: dict[str, Any], row: Row, number: int) -> ET.Element:
    cases = _cases(content, row)
    outcomes = [child.tag for case in cases for child in case]
    suite = ET.Element(
        "testsuite",
        {
            "id": str(number),
            "package": _text(f"signport.parity.{row.target}"),
            "name": _text(f"{row.target} {row.runtime}"),
            # The schema's times are in UTC and have no zone.
            "timestamp": content["created"][:19],
            "hostname": "localhost",
            "tests": str(len(cases)),
            "failures": str(outcomes.count("failure")),
            "errors": str(outcomes.count("error")),
            "skipped": str(outcomes.count("skipped")),
            "time": "0",
        },
    )
    properties = ET.SubElement(suite, "properties")
    facts = {"run": content["run"], "version": row.entry["version"], "emulated": row.entry.get("emulated")}
    for name, value in {**facts, **(row.entry.get("device") or {})}.items():
        if value:
            ET.SubElement(properties, "property", {"name": _text(name), "value": _text(value)})
    suite.extend(cases)
    ET.SubElement(suite, "system-out")
    ET.SubElement(suite, "system-err")
    return suite


def _cases(content: dict[str, Any], row: Row) -> list[ET.Element]:
    where = f"{row.target}.{row.runtime}"
    if row.entry["status"] != "ran":
        tag = "error" if row.entry["status"] == "failed" else "skipped"
        case = _case(where, "runs")
        case.append(_outcome(tag, row.entry["reason"]))
        return [case]
    cases = []
    for form, gate, entry in gates_of(row):
        case = _case(f"{where}.{form.strip('.')}", gate["name"])
        if not gate["passed"]:
            todo = advice(gate["name"], entry.get("fault"), content["run"])
            lines = [gate_words(gate), entry.get("reason") or "", todo]
            case.append(_outcome("failure", lines[0], "\n".join(filter(None, lines))))
        cases.append(case)
    for form, cell in row.cells.items():
        if cell.state == "skipped":
            case = _case(f"{where}.{form.strip('.')}", f"{form} runs")
            case.append(_outcome("skipped", cell.entry["reason"]))
            cases.append(case)
    return cases


def _case(where: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": _text(where), "name": _text(name), "time": "0"})


def _outcome(tag: str, message: str, text: str = "") -> ET.Element:
    attributes = {"message": _text(message)}
    if tag != "skipped":
        attributes["type"] = "gate" if tag == "failure" else "runtime"
    found = ET.Element(tag, attributes)
    found.text = _text(text) or None
    return found


def _text(value: object) -> str:
    return clean(str(value))
